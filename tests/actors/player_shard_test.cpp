#define CAF_SUITE player_shard

#include "tests/actors/shard_fixture.hpp"

using namespace troupe;
using namespace troupe::test;

namespace {

struct fixture : shard_fixture {
  uuid game = stored_game();
  uuid ann = stored_player("Ann");

  fixture() {
    start();
    settle();
  }
};

using created = outcome<game_registered>;

} // namespace

CAF_TEST_FIXTURE_SCOPE(player_shard_tests, fixture)

CAF_TEST(a shard serves after it acquired its epoch) {
  CAF_CHECK_EQUAL(board.at({family::player, 0}).state.load(), shard_state::active);
  CAF_CHECK_EQUAL(board.at({family::player, 0}).epoch.load(), 1);
}

CAF_TEST(a cold player is loaded once and then read from memory) {
  auto loads_before = tables.loads;
  for (int i = 0; i < 3; ++i) {
    auto profile = ask<player_profile>(players, fresh_call(), read_player{ann});
    CAF_REQUIRE(profile.value);
    CAF_CHECK_EQUAL(profile.value->name, "Ann");
  }
  CAF_CHECK_EQUAL(tables.loads - loads_before, 1u);
}

CAF_TEST(an unknown player is no player) {
  auto profile = ask<player_profile>(players, fresh_call(), read_player{make_uuid_v7()});
  CAF_REQUIRE(profile.why);
  CAF_CHECK_EQUAL(profile.why->code, errc::no_such_player);
}

CAF_TEST(a game is registered once and counted once) {
  auto first = ask<created>(players, fresh_call(), register_game{ann, game});
  auto second = ask<created>(players, fresh_call(), register_game{ann, game});
  CAF_REQUIRE(first.value && second.value);
  CAF_CHECK(first.value->value.created);
  CAF_CHECK(!second.value->value.created);
  CAF_CHECK_EQUAL(tables.counters[game], 1);
  CAF_CHECK_EQUAL(tables.players[ann].library.size(), 1u);
}

CAF_TEST(a game the catalogue does not know cannot be registered) {
  auto answer = ask<created>(players, fresh_call(), register_game{ann, make_uuid_v7()});
  CAF_REQUIRE(answer.why);
  CAF_CHECK_EQUAL(answer.why->code, errc::no_such_game);
}

CAF_TEST(no answer leaves before the commit and a read waits for the write before it) {
  ask<player_profile>(players, fresh_call(), read_player{ann});
  tables.hold = true;
  auto write = send<created>(players, fresh_call(), register_game{ann, game});
  settle();
  auto read = send<library_page>(players, fresh_call(), list_library{ann, {}, 20});
  settle();
  CAF_CHECK(write->pending());
  CAF_CHECK(read->pending());
  tables.release_held();
  settle();
  CAF_REQUIRE(write->value && read->value);
  CAF_CHECK_EQUAL(read->value->items.size(), 1u);
}

CAF_TEST(a repeated key gives the stored answer and has no second effect) {
  auto c = keyed_call(1);
  auto first = ask<created>(players, c, register_game{ann, game});
  ask<outcome<game_unregistered>>(players, fresh_call(), unregister_game{ann, game});
  auto again = ask<created>(players, c, register_game{ann, game});
  CAF_REQUIRE(first.value && again.value);
  CAF_CHECK(!first.value->replayed);
  CAF_CHECK(again.value->replayed);
  CAF_CHECK(again.value->value.created);
  CAF_CHECK_EQUAL(tables.counters[game], 0);
  CAF_CHECK(tables.players[ann].library.empty());
}

CAF_TEST(a repeated key gives the stored answer though the command could not be carried out now) {
  auto c = keyed_call(1);
  auto first = ask<outcome<player_deleted>>(players, c, delete_player{ann, {}});
  auto again = ask<outcome<player_deleted>>(players, c, delete_player{ann, {}});
  CAF_REQUIRE(first.value && again.value);
  CAF_CHECK(again.value->replayed);
}

CAF_TEST(a key that served another request is refused) {
  auto c = keyed_call(1);
  ask<created>(players, c, register_game{ann, game});
  c.request_hash.fill(2);
  auto other = ask<created>(players, c, register_game{ann, game});
  CAF_REQUIRE(other.why);
  CAF_CHECK_EQUAL(other.why->code, errc::key_reused);
}

CAF_TEST(a key whose operation is under way is refused) {
  tables.hold = true;
  auto c = keyed_call(1);
  auto first = send<created>(players, c, register_game{ann, game});
  settle();
  auto second = ask<created>(players, c, register_game{ann, game});
  CAF_REQUIRE(second.why);
  CAF_CHECK_EQUAL(second.why->code, errc::operation_in_flight);
  tables.hold = false;
  tables.release_held();
  settle();
  CAF_CHECK(first->value);
  CAF_CHECK(ask<created>(players, c, register_game{ann, game}).value->replayed);
}

CAF_TEST(a refused write changes nothing in memory) {
  tables.refuse_writes = true;
  auto refused = ask<created>(players, fresh_call(), register_game{ann, game});
  CAF_REQUIRE(refused.why);
  CAF_CHECK_EQUAL(refused.why->code, errc::storage_unavailable);
  tables.refuse_writes = false;
  auto page = ask<library_page>(players, fresh_call(), list_library{ann, {}, 20});
  CAF_REQUIRE(page.value);
  CAF_CHECK(page.value->items.empty());
  CAF_CHECK(ask<created>(players, fresh_call(), register_game{ann, game}).value->value.created);
}

CAF_TEST(a fenced shard drops its memory and answers nothing from it) {
  ask<player_profile>(players, fresh_call(), read_player{ann});
  tables.hold = true;
  auto write = send<created>(players, fresh_call(), register_game{ann, game});
  auto waiting = send<player_profile>(players, fresh_call(), read_player{ann});
  settle();
  ++tables.epochs[{family::player, 0}]; // another owner has taken the shard
  tables.release_held();
  settle();
  CAF_REQUIRE(write->why && waiting->why);
  CAF_CHECK_EQUAL(write->why->code, errc::not_owner);
  CAF_CHECK_EQUAL(waiting->why->code, errc::not_owner);
  CAF_CHECK_EQUAL(board.at({family::player, 0}).state.load(), shard_state::fenced);
  auto read = ask<player_profile>(players, fresh_call(), read_player{ann});
  CAF_REQUIRE(read.why);
  CAF_CHECK_EQUAL(read.why->code, errc::not_owner);
  CAF_CHECK_EQUAL(storage.writer_credits->taken(), 0u);
}

CAF_TEST(work past its deadline is not done) {
  auto c = fresh_call();
  c.deadline = std::chrono::steady_clock::now() - std::chrono::seconds(1);
  auto late = ask<created>(players, c, register_game{ann, game});
  CAF_REQUIRE(late.why);
  CAF_CHECK_EQUAL(late.why->code, errc::timed_out);
  CAF_CHECK_EQUAL(tables.counters[game], 0);
}

CAF_TEST(a version that has passed is a failed precondition) {
  auto renamed = ask<outcome<player_updated>>(players, fresh_call(),
                                              update_player{ann, "ANN", {}, 1, {}});
  CAF_REQUIRE(renamed.value);
  CAF_CHECK_EQUAL(renamed.value->value.profile.version, 2);
  auto late = ask<outcome<player_updated>>(players, fresh_call(),
                                           update_player{ann, "aNN", {}, 1, {}});
  CAF_REQUIRE(late.why);
  CAF_CHECK_EQUAL(late.why->code, errc::precondition_failed);
}

CAF_TEST(a deleted player leaves every list and frees its name) {
  ask<created>(players, fresh_call(), register_game{ann, game});
  auto gone = ask<outcome<player_deleted>>(players, fresh_call(), delete_player{ann, {}});
  CAF_REQUIRE(gone.value);
  CAF_CHECK_EQUAL(tables.counters[game], 0);
  CAF_CHECK(tables.players[ann].library.empty());
  CAF_CHECK_NOT_EQUAL(tables.players[ann].player.name, "Ann");
  CAF_CHECK_EQUAL(tables.names.count("ann"), 0u); // its job has run
  CAF_CHECK(tables.jobs.empty());
  CAF_CHECK(ask<player_profile>(players, fresh_call(), read_player{ann}).why);
}

CAF_TEST(only so many sessions are kept and the oldest end first) {
  std::vector<uuid> opened;
  for (int i = 0; i < 4; ++i) {
    session_record s{make_uuid_v7(), ann, {}, {}, timestamp{1000}, timestamp{9000}};
    opened.push_back(s.id);
    auto answer = ask<outcome<session_opened>>(players, fresh_call(), open_session{s});
    CAF_REQUIRE(answer.value);
    if (i == 3) CAF_CHECK_EQUAL(answer.value->value.ended_sessions, std::vector{opened[0]});
  }
  CAF_CHECK_EQUAL(tables.players[ann].sessions.size(), 3u);
}

CAF_TEST(a job whose receiver is away is run again later) {
  auto away = caf::actor_cast<caf::strong_actor_ptr>(directory);
  table.place({family::directory, 0}, nullptr);
  ask<outcome<player_deleted>>(players, fresh_call(), delete_player{ann, {}});
  CAF_CHECK_EQUAL(tables.names.count("ann"), 1u);
  CAF_CHECK_EQUAL(tables.jobs.size(), 1u);
  table.place({family::directory, 0}, away);
  sched.advance_time(std::chrono::seconds(2));
  settle();
  CAF_CHECK_EQUAL(tables.names.count("ann"), 0u);
  CAF_CHECK(tables.jobs.empty());
}

CAF_TEST(a released shard finishes what is under way and takes nothing new) {
  ask<player_profile>(players, fresh_call(), read_player{ann});
  tables.hold = true;
  auto write = send<created>(players, fresh_call(), register_game{ann, game});
  settle();
  auto box = std::make_shared<bool>(false);
  sys.spawn([this, box](caf::event_based_actor* client) {
    client->request(players, std::chrono::hours(1), release_shard{})
      .then([box](const shard_released&) { *box = true; });
  });
  settle();
  CAF_CHECK(!*box);
  auto refused = ask<player_profile>(players, fresh_call(), read_player{ann});
  CAF_REQUIRE(refused.why);
  CAF_CHECK_EQUAL(refused.why->code, errc::not_owner);
  tables.release_held();
  settle();
  CAF_CHECK(write->value);
  CAF_CHECK(*box);
  CAF_CHECK_EQUAL(board.at({family::player, 0}).state.load(), shard_state::released);
}

CAF_TEST(what an earlier attempt left in the ledger is not applied to memory a second time) {
  auto put = [&] {
    return ask<outcome<game_registered>>(players, fresh_call(), register_game{ann, game});
  };
  auto library = [&] {
    return ask<library_page>(players, fresh_call(), list_library{ann, {}, 10}).value->items.size();
  };
  put();
  const auto removal = keyed_call(1);
  ask<outcome<game_unregistered>>(players, removal,
                                  unregister_game{ann, game}); // its answer is lost
  put();
  CAF_CHECK_EQUAL(library(), 1u);
  // The same again, and this commit falls in doubt: the ledger has an equal answer, of the first attempt.
  tables.doubt_writes = true;
  CAF_CHECK((ask<outcome<game_unregistered>>(players, removal, unregister_game{ann, game}).value));
  tables.doubt_writes = false;
  CAF_CHECK_EQUAL(tables.players[ann].library.size(), 1u);
  CAF_CHECK_EQUAL(library(), 1u);
}

CAF_TEST_FIXTURE_SCOPE_END()
