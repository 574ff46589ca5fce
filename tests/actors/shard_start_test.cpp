#define CAF_SUITE shard_start

#include "tests/actors/shard_fixture.hpp"

using namespace troupe;
using namespace troupe::test;

CAF_TEST_FIXTURE_SCOPE(shard_start_tests, shard_fixture)

CAF_TEST(requests that come while a shard starts wait until it serves) {
  auto ann = stored_player("Ann");
  tables.refuse_loads = true;
  start();
  settle();
  auto read = send<player_profile>(players, fresh_call(), read_player{ann});
  settle();
  CAF_CHECK(read->pending());
  tables.refuse_loads = false;
  sched.advance_time(std::chrono::seconds(10));
  settle();
  CAF_CHECK(read->value);
}

CAF_TEST(a shard that is not owned sends requests elsewhere) {
  start();
  tables.refuse_acquires = true;
  settle();
  CAF_CHECK_EQUAL(board.at({family::player, 0}).state.load(), shard_state::unowned);
  auto read = ask<player_profile>(players, fresh_call(), read_player{make_uuid_v7()});
  CAF_REQUIRE(read.why);
  CAF_CHECK_EQUAL(read.why->code, errc::not_owner);
}

CAF_TEST(a shard is acquired only at the epoch that was seen) {
  start();
  settle();
  tables.epochs[{family::player, 0}] += 1; // somebody else took it
  auto fenced = ask<outcome<player_profile>>(players, fresh_call(),
                                             create_player{make_uuid_v7(), "Eve", "hash"});
  CAF_REQUIRE(fenced.why);
  CAF_CHECK_EQUAL(fenced.why->code, errc::not_owner);
  auto& state = board.at({family::player, 0}).state;
  CAF_CHECK_EQUAL(state.load(), shard_state::fenced);
  caf::anon_send(players, acquire_shard{1, storage});
  settle();
  CAF_CHECK_EQUAL(state.load(), shard_state::unowned);
  place(players, family::player);
  settle();
  CAF_CHECK_EQUAL(state.load(), shard_state::active);
}

CAF_TEST(a released shard can come back and answers from what is stored then) {
  auto ann = stored_player("Ann");
  start();
  settle();
  CAF_CHECK_EQUAL(ask<player_profile>(players, fresh_call(), read_player{ann}).value->name, "Ann");
  caf::anon_send(players, release_shard{});
  settle();
  CAF_CHECK_EQUAL(board.at({family::player, 0}).state.load(), shard_state::released);
  tables.players[ann].player.name = "Anna"; // by another owner
  place(players, family::player);
  settle();
  CAF_CHECK_EQUAL(ask<player_profile>(players, fresh_call(), read_player{ann}).value->name, "Anna");
}

CAF_TEST(a command that may have been carried out before is not carried out twice) {
  start();
  settle();
  auto c = fresh_call();
  create_player creation{make_uuid_v7(), "Eve", "hash"};
  CAF_REQUIRE((ask<outcome<player_profile>>(players, c, creation).value));
  // Without the mark the second attempt finds a player that exists already.
  CAF_CHECK((ask<outcome<player_profile>>(players, c, creation).why));
  c.again = true;
  auto again = ask<outcome<player_profile>>(players, c, creation);
  CAF_REQUIRE(again.value);
  CAF_CHECK_EQUAL(again.value->value.id, creation.id);
}

CAF_TEST(a shard whose state cannot be loaded tries again) {
  tables.refuse_loads = true;
  start();
  settle();
  CAF_CHECK_EQUAL(board.at({family::catalog, 0}).state.load(), shard_state::loading);
  tables.refuse_loads = false;
  sched.advance_time(std::chrono::seconds(10));
  settle();
  CAF_CHECK_EQUAL(board.count(shard_state::active), board.size());
}

CAF_TEST(jobs that an earlier owner left behind are run) {
  auto ann = stored_player("Ann");
  name_job job{"eve", {account_kind::player, ann}, make_uuid_v7()};
  tables.names["eve"] = {"eve", name_state::confirmed, job.account, job.op_id};
  auto record = make_name_job(release_name_job, job);
  tables.jobs[{{family::player, 0}, record.id}] = record;
  start();
  settle();
  CAF_CHECK_EQUAL(tables.names.count("eve"), 0u);
  CAF_CHECK(tables.jobs.empty());
}

CAF_TEST(a shard that is asked for its release while it starts is released when it says so and stays it) {
  bool was_active = false;
  int steps = 0;
  for (; !was_active; ++steps) {
    CAF_REQUIRE(steps < 50);
    auto& state = board.at({family::player, 0}).state;
    state = shard_state::unowned;
    players = spawn_player_shard(sys, settings_of(family::player), {&view, &table, 3});
    place(players, family::player);
    for (int i = 0; i < steps; ++i) sched.try_run_once();
    was_active = state ==
                 shard_state::active; // as far as a start goes: after this one it is enough
    auto released = std::make_shared<bool>(false);
    sys.spawn([=, shard = players](caf::event_based_actor* asking) {
      asking->request(shard, std::chrono::hours(1), release_shard{})
        .then([released](const shard_released&) { *released = true; });
    });
    while (!*released && sched.try_run_once()) {}
    // A shard that had asked for nothing yet has nothing to release.
    const auto ended = state.load();
    CAF_CHECK(ended == shard_state::released || ended == shard_state::unowned);
    sched.advance_time(std::chrono::seconds(10));
    settle();
    CAF_CHECK_EQUAL(state.load(), ended);
    caf::anon_send_exit(players, caf::exit_reason::kill);
    settle();
  }
  CAF_CHECK(steps > 3);
}

CAF_TEST(a request that comes between the wish for a release and the epoch is sent elsewhere) {
  players = spawn_player_shard(sys, settings_of(family::player), {&view, &table, 3});
  auto& state = board.at({family::player, 0}).state;
  place(players, family::player);
  while (state != shard_state::acquiring) CAF_REQUIRE(sched.try_run_once());
  // The shard's own mailbox goes on first, so that the lane has not answered yet.
  caf::anon_send(players, release_shard{});
  auto read = send<player_profile>(players, fresh_call(), read_player{make_uuid_v7()});
  while (sched.jobs.size() > 1 || read->pending()) {
    if (!sched.prioritize(players) && !sched.has_job()) break;
    sched.try_run_once();
  }
  settle();
  CAF_CHECK_EQUAL(state.load(), shard_state::released);
  CAF_REQUIRE(read->why);
  CAF_CHECK_EQUAL(read->why->code, errc::not_owner);
}

CAF_TEST(waiting for a shard is bounded) {
  tables.refuse_loads = true;
  auto settings = settings_of(family::player);
  settings.queue = 2;
  players = spawn_player_shard(sys, settings, {&view, &table, 3});
  directory = spawn_directory_shard(sys, settings_of(family::directory), {&table});
  catalog = spawn_catalog_shard(sys, settings_of(family::catalog), {&view, &table, 3});
  place(players, family::player);
  settle();
  std::vector<std::shared_ptr<answer_box<player_profile>>> reads;
  for (int i = 0; i < 3; ++i)
    reads.push_back(send<player_profile>(players, fresh_call(), read_player{make_uuid_v7()}));
  settle();
  CAF_CHECK(reads[0]->pending());
  CAF_CHECK(reads[1]->pending());
  CAF_REQUIRE(reads[2]->why);
  CAF_CHECK_EQUAL(reads[2]->why->code, errc::overloaded);
}

CAF_TEST_FIXTURE_SCOPE_END()
