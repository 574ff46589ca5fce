#include "persistence/postgres/batch_writer.hpp"

#include <doctest/doctest.h>
#include <future>

#include "tests/persistence/postgres/test_lane.hpp"

using namespace troupe;
using namespace troupe::test;

namespace {

void depose(const test_database& database, shard_ref shard) { database.query(taking(shard)); }

/// There a batch holds units of one shard.
bool on_citus() { return test_placement() == database_placement::citus; }

player_record player_of(std::string name) {
  return {.id = make_uuid_v7(),
          .name = std::move(name),
          .password_hash = "hash",
          .created_at = now()};
}

} // namespace

TEST_CASE("units of many shards commit in one transaction" * doctest::skip(on_citus())) {
  test_database database;
  test_lane lane{database.dsn()};
  const auto game = make_uuid_v7();
  std::vector<std::uint64_t> numbers;
  for (int shard = 0; shard < 16; ++shard) {
    const auto epoch = lane.acquire(player_shard(shard));
    REQUIRE(epoch == 1);
  }
  for (int i = 0; i < 160; ++i)
    numbers.push_back(
      lane.write(register_game_unit(player_shard(i % 16), 1, make_uuid_v7(), game)));
  lane.run();
  for (auto number : numbers) CHECK(lane.has_status(number, write_status::committed));
  CHECK(lane.counted("troupe_writer_batch_units") == 1);
  CHECK(database.number("select count(*) from troupe.player_game") == 160);
  CHECK(database.number("select count(distinct xmin::text) from troupe.operation") == 1);
  CHECK(database.number("select sum(players)::bigint from troupe.game_counter") == 160);
  CHECK(database.number("select count(*) from troupe.game_counter where players = 10") == 16);
}

TEST_CASE("every kind of row is written as it was given") {
  test_database database;
  test_lane lane{database.dsn()};
  const shard_ref directory{family::directory, 1};
  const shard_ref catalog{family::catalog, 0};
  const auto shard = player_shard(3);
  REQUIRE(lane.acquire(directory) == 1);
  REQUIRE(lane.acquire(catalog) == 1);
  REQUIRE(lane.acquire(shard) == 1);

  const auto player = player_of("Žižka \"O'Neil\" \\ {,}");
  const auto game = make_uuid_v7();
  session_record session{.id = make_uuid_v7(),
                         .account_id = player.id,
                         .created_at = timestamp{1'000},
                         .expires_at = timestamp{4'102'444'800'001}};
  session.token_hash.fill(1);
  session.previous_hash.fill(2);
  write_unit unit{.shard = shard,
                  .epoch = 1,
                  .op_id = make_uuid_v7(),
                  .result = std::string{"\0\xff", 2}};
  unit.rows = {put_player{player}, put_library_entry{player.id, {game, timestamp{5}}},
               put_session{session}, put_job{{make_uuid_v7(), "confirm", std::string{"a\0b", 3}}}};
  const auto first = lane.write(unit);

  write_unit named{.shard = directory, .epoch = 1, .op_id = make_uuid_v7()};
  named.rows = {
    put_name{{"zizka", name_state::confirmed, {account_kind::staff, player.id}, unit.op_id}}};
  const auto second = lane.write(named);

  const studio_record studio{make_uuid_v7(), "Studio", now()};
  write_unit created{.shard = catalog, .epoch = 1, .op_id = make_uuid_v7()};
  created.rows = {put_studio{studio}, put_game{{game, studio.id, "Game", now()}},
                  put_staff{{.id = make_uuid_v7(),
                             .username = "owner",
                             .password_hash = "h",
                             .role = staff_role::publisher,
                             .created_at = now()}},
                  put_staff{{.id = make_uuid_v7(),
                             .username = "staff",
                             .password_hash = "h",
                             .studio_id = studio.id,
                             .created_at = now()}}};
  const auto third = lane.write(created);
  lane.run();
  CHECK(lane.has_status(first, write_status::committed));
  CHECK(lane.has_status(second, write_status::committed));
  CHECK(lane.has_status(third, write_status::committed));

  const auto row =
    database.query("select player_id::text, name, version, deleted from troupe.player").one_row();
  CHECK(row[0].view() == to_string(player.id));
  CHECK(row[1].view() == player.name);
  CHECK(database.number(
          "select count(*) from troupe.session where token_hash = decode(repeat('01', 32), 'hex')"
          " and previous_hash = decode(repeat('02', 32), 'hex')"
          " and (extract(epoch from expires_at) * 1000)::bigint = 4102444800001") == 1);
  CHECK(database.number("select count(*) from troupe.job where payload = '\\x610062'") == 1);
  CHECK(database.number("select count(*) from troupe.operation where result = '\\x00ff'") == 1);
  CHECK(database.number(
          "select count(*) from troupe.directory_name where state = 1 and account_kind = 1") == 1);
  CHECK(database.number(
          "select count(*) from troupe.staff where (studio_id is null) = (role = 1)") == 2);
  CHECK(database.number(
          "select count(*) from troupe.game g join troupe.studio s using (shard_id, studio_id)") ==
        1);

  write_unit gone{.shard = shard, .epoch = 1, .op_id = make_uuid_v7()};
  auto deleted = player;
  deleted.deleted = true;
  deleted.version = 2;
  gone.rows = {delete_library{player.id}, delete_sessions{player.id}, put_player{deleted}};
  const auto fourth = lane.write(gone);
  lane.run();
  CHECK(lane.has_status(fourth, write_status::committed));
  CHECK(database.number("select count(*) from troupe.player where deleted and version = 2") == 1);
  CHECK(
    database.number(
      "select (select count(*) from troupe.player_game) + (select count(*) from troupe.session)") ==
    0);
}

TEST_CASE("deletes take effect after the puts of units before them") {
  test_database database;
  test_lane lane{database.dsn()};
  const auto shard = player_shard(0);
  REQUIRE(lane.acquire(shard) == 1);
  const auto player = make_uuid_v7();
  const auto game = make_uuid_v7();
  const auto put = lane.write(register_game_unit(shard, 1, player, game));
  write_unit out{.shard = shard, .epoch = 1, .op_id = make_uuid_v7()};
  out.rows = {delete_library_entry{player, game}, add_to_counter{game, -1}};
  const auto removed = lane.write(out);
  const auto again = lane.write(register_game_unit(shard, 1, player, make_uuid_v7()));
  lane.run();
  CHECK(lane.has_status(put, write_status::committed));
  CHECK(lane.has_status(removed, write_status::committed));
  CHECK(lane.has_status(again, write_status::committed));
  CHECK(database.number("select count(*) from troupe.player_game") == 1);
  CHECK(database.number("select sum(players)::bigint from troupe.game_counter") == 1);
}

TEST_CASE("an operation that is in the ledger writes nothing and gives the stored answer") {
  test_database database;
  test_lane lane{database.dsn()};
  const auto shard = player_shard(5);
  REQUIRE(lane.acquire(shard) == 1);
  auto unit = register_game_unit(shard, 1, make_uuid_v7(), make_uuid_v7(), "the first answer");
  const auto first = lane.write(unit);
  unit.result = "another answer";
  const auto in_the_same_drain = lane.write(unit);
  lane.run();
  const auto later = lane.write(unit);
  const auto fresh = lane.write(register_game_unit(shard, 1, make_uuid_v7(), make_uuid_v7()));
  lane.run();
  CHECK(lane.has_status(first, write_status::committed));
  CHECK(lane.has_status(fresh, write_status::committed));
  for (auto number : {in_the_same_drain, later}) {
    REQUIRE(lane.has_status(number, write_status::duplicate));
    CHECK(lane.receipt(number)->stored.result == "the first answer");
    CHECK(lane.receipt(number)->stored.request_hash == unit.request_hash);
  }
  CHECK(database.number("select sum(players)::bigint from troupe.game_counter") == 2);
}

TEST_CASE("a fenced shard drops out of a batch and the rest of it commits") {
  test_database database;
  test_lane lane{database.dsn()};
  const auto game = make_uuid_v7();
  for (int shard = 0; shard < 4; ++shard) REQUIRE(lane.acquire(player_shard(shard)) == 1);
  depose(database, player_shard(2));
  std::vector<std::uint64_t> numbers;
  for (int i = 0; i < 12; ++i)
    numbers.push_back(lane.write(register_game_unit(player_shard(i % 4), 1, make_uuid_v7(), game)));
  lane.run();
  for (std::size_t i = 0; i < numbers.size(); ++i)
    CHECK(lane.has_status(numbers[i], i % 4 == 2 ? write_status::fenced : write_status::committed));
  CHECK(database.number("select count(*) from troupe.operation where shard_id = 2") == 0);
  CHECK(database.number("select count(*) from troupe.player_game") == 9);
  CHECK(lane.counted("troupe_writer_batch_units") == (on_citus() ? 3 : 1));

  // The tenure is forgotten: even the right epoch of the old tenure is fenced without a round trip.
  const auto after = lane.write(register_game_unit(player_shard(2), 1, make_uuid_v7(), game));
  lane.run();
  CHECK(lane.has_status(after, write_status::fenced));
  CHECK(lane.acquire(player_shard(2), 2) == 3);
  const auto regained = lane.write(register_game_unit(player_shard(2), 3, make_uuid_v7(), game));
  lane.run();
  CHECK(lane.has_status(regained, write_status::committed));
}

TEST_CASE("a batch whose shards are all fenced writes nothing") {
  test_database database;
  test_lane lane{database.dsn()};
  REQUIRE(lane.acquire(player_shard(1)) == 1);
  depose(database, player_shard(1));
  const auto number = lane.write(
    register_game_unit(player_shard(1), 1, make_uuid_v7(), make_uuid_v7()));
  lane.run();
  CHECK(lane.has_status(number, write_status::fenced));
  CHECK(database.number("select count(*) from troupe.operation") == 0);
}

TEST_CASE("a unit of a shard or a tenure that the lane does not hold is fenced") {
  test_database database;
  test_lane lane{database.dsn()};
  REQUIRE(lane.acquire(player_shard(1)) == 1);
  REQUIRE(lane.acquire(player_shard(1)) == 2);
  const auto never = lane.write(
    register_game_unit(player_shard(7), 1, make_uuid_v7(), make_uuid_v7()));
  const auto old = lane.write(
    register_game_unit(player_shard(1), 1, make_uuid_v7(), make_uuid_v7()));
  lane.run();
  CHECK(lane.has_status(never, write_status::fenced));
  CHECK(lane.has_status(old, write_status::fenced));
}

TEST_CASE("a shard is acquired only at the epoch that was seen, unless it is one's own") {
  test_database database;
  test_lane first{database.dsn()};
  test_lane second{database.dsn()};
  REQUIRE(first.acquire(player_shard(1), 0) == 1);
  CHECK(second.acquire(player_shard(1), 0) == 0); // of two that saw nobody, the slower one
  CHECK(first.acquire(player_shard(1), 0) == 2);  // as if the answer had been lost
  CHECK(second.acquire(player_shard(1), 2) == 3);
  CHECK(database.number("select epoch from troupe.shard_fence where shard_id = 1 and "
                        "family = 'player'") == 3);
}

TEST_CASE("a released shard has no owner, and what was sent before is committed") {
  test_database database;
  test_lane lane{database.dsn()};
  const auto shard = player_shard(9);
  REQUIRE(lane.acquire(shard) == 1);
  const auto before = lane.write(register_game_unit(shard, 1, make_uuid_v7(), make_uuid_v7()));
  lane.writer().release(shard, 1);
  const auto after = lane.write(register_game_unit(shard, 1, make_uuid_v7(), make_uuid_v7()));
  lane.run();
  CHECK(lane.has_status(before, write_status::committed));
  CHECK(lane.has_status(after, write_status::fenced));
  CHECK(database.number("select count(*) from troupe.shard_fence where owner is not null") == 0);
}

TEST_CASE("only the unit with bad data is refused") {
  test_database database;
  test_lane lane{database.dsn()};
  const auto shard = player_shard(4);
  REQUIRE(lane.acquire(shard) == 1);
  std::vector<std::uint64_t> numbers;
  for (int i = 0; i < 20; ++i) {
    write_unit unit{.shard = shard, .epoch = 1, .op_id = make_uuid_v7()};
    // Postgres takes no NUL in text.
    unit.rows = {put_player{player_of(i == 13 ? std::string{"bad\0name", 8} : "good")}};
    numbers.push_back(lane.write(unit));
  }
  lane.run();
  for (std::size_t i = 0; i < numbers.size(); ++i)
    CHECK(lane.has_status(numbers[i], i == 13 ? write_status::refused : write_status::committed));
  CHECK(lane.receipt(numbers[13])->why.code == errc::internal);
  CHECK(database.number("select count(*) from troupe.player") == 19);
  CHECK(database.number("select count(*) from troupe.operation") == 19);
}

TEST_CASE("batches are bounded by units and by bytes" * doctest::skip(on_citus())) {
  test_database database;
  auto limits = test_lane::quick_limits();
  limits.batch_units = 8;
  limits.batch_bytes = 4'000;
  test_lane lane{database.dsn(), limits};
  REQUIRE(lane.acquire(player_shard(0)) == 1);
  std::vector<std::uint64_t> numbers;
  for (int i = 0; i < 16; ++i)
    numbers.push_back(
      lane.write(register_game_unit(player_shard(0), 1, make_uuid_v7(), make_uuid_v7())));
  for (int i = 0; i < 2; ++i)
    numbers.push_back(lane.write(register_game_unit(player_shard(0), 1, make_uuid_v7(),
                                                    make_uuid_v7(), std::string(3'900, 'x'))));
  lane.run();
  for (auto number : numbers) CHECK(lane.has_status(number, write_status::committed));
  CHECK(lane.counted("troupe_writer_batch_units") == 4);
}

TEST_CASE("a busy lane waits for more to commit; one that is not does not wait") {
  test_database database;
  auto limits = test_lane::quick_limits();
  limits.commit_interval = std::chrono::minutes{1};
  limits.batch_units = 8;
  test_lane lane{database.dsn(), limits};
  REQUIRE(lane.acquire(player_shard(0)) == 1);
  const auto write = [&] {
    return lane.write(register_game_unit(player_shard(0), 1, make_uuid_v7(), make_uuid_v7()));
  };
  for (int i = 0; i < 3; ++i) { // one after the other
    const auto alone = write();
    lane.run();
    CHECK(lane.has_status(alone, write_status::committed));
  }
  write();
  write();
  lane.run(); // side by side: from here on it pays to wait
  const auto waiting = write();
  const auto pause = lane.writer().advance();
  REQUIRE(pause.again_in.has_value());
  CHECK(*pause.again_in > std::chrono::seconds{30});
  CHECK(pause.units.empty());
  CHECK(lane.receipt(waiting) == nullptr);
  for (int i = 0; i < 7; ++i) write();
  lane.run(); // full: at once
  CHECK(lane.has_status(waiting, write_status::committed));
  CHECK(lane.counted("troupe_writer_batch_units") == 5);
}

TEST_CASE("counters are exact under concurrent lanes") {
  test_database database;
  const auto game = make_uuid_v7();
  constexpr int lanes = 4;
  constexpr int rounds = 50;
  std::vector<std::future<bool>> runs;
  for (int l = 0; l < lanes; ++l)
    runs.push_back(std::async(std::launch::async, [&, l] {
      test_lane lane{database.dsn()};
      for (int s = l; s < 16; s += lanes)
        if (lane.acquire(player_shard(s)) != 1) return false;
      bool all = true;
      for (int round = 0; round < rounds; ++round) {
        std::vector<std::uint64_t> numbers;
        for (int s = l; s < 16; s += lanes)
          for (int i = 0; i < 5; ++i)
            numbers.push_back(
              lane.write(register_game_unit(player_shard(s), 1, make_uuid_v7(), game)));
        lane.run();
        for (auto number : numbers) all = all && lane.has_status(number, write_status::committed);
      }
      return all;
    }));
  for (auto& run : runs) CHECK(run.get());
  CHECK(database.number("select sum(players)::bigint from troupe.game_counter") == 16 * 5 * rounds);
  CHECK(database.number("select count(*) from troupe.player_game") == 16 * 5 * rounds);
}

TEST_CASE(
  "two incarnations race for epochs: each epoch has one owner, and the loser's writes are fenced") {
  test_database database;
  const auto shard = player_shard(6);
  const auto game = make_uuid_v7();
  constexpr int rounds = 40;
  // Each lane acquires and writes one unit under its epoch, as fast as it can; it tells what was
  // acknowledged.
  struct history {
    std::vector<std::int64_t> epochs;
    int committed = 0;
    int fenced = 0;
    int other = 0;
  };
  auto contend = [&] {
    test_lane lane{database.dsn()};
    history seen;
    for (int round = 0; round < rounds; ++round) {
      const auto epoch = lane.acquire(shard);
      if (epoch == 0) continue; // lost every attempt
      seen.epochs.push_back(epoch);
      const auto number = lane.write(register_game_unit(shard, epoch, make_uuid_v7(), game));
      lane.run();
      if (lane.has_status(number, write_status::committed))
        ++seen.committed;
      else if (lane.has_status(number, write_status::fenced))
        ++seen.fenced;
      else
        ++seen.other;
    }
    return seen;
  };
  auto other = std::async(std::launch::async, contend);
  const auto mine = contend();
  const auto theirs = other.get();
  auto epochs = mine.epochs;
  epochs.insert(epochs.end(), theirs.epochs.begin(), theirs.epochs.end());
  std::ranges::sort(epochs);
  CHECK(std::ranges::adjacent_find(epochs) == epochs.end());
  CHECK(mine.other + theirs.other == 0);
  CHECK(epochs.size() ==
        static_cast<std::size_t>(mine.committed + mine.fenced + theirs.committed + theirs.fenced));
  CHECK(database.number("select coalesce(sum(players), 0)::bigint from troupe.game_counter") ==
        mine.committed + theirs.committed);
  CHECK(database.number(
          "select epoch from troupe.shard_fence where family = 'player' and shard_id = 6") ==
        epochs.back());
}

TEST_CASE("exactly one of two incarnations that saw the same epoch gets the next one") {
  test_database database;
  const auto shard = player_shard(8);
  test_lane one{database.dsn()};
  test_lane two{database.dsn()};
  std::int64_t epoch = 0;
  for (int round = 0; round < 20; ++round) {
    auto racing = std::async(std::launch::async, [&] { return one.acquire(shard, epoch); });
    const auto b = two.acquire(shard, epoch);
    const auto a = racing.get();
    // Whoever has it may take it again, whatever it saw.
    REQUIRE((a == 0) != (b == 0));
    auto& winner = a > b ? one : two;
    auto& loser = a > b ? two : one;
    const auto lost = loser.write(
      register_game_unit(shard, std::max<std::int64_t>(epoch, 1), make_uuid_v7(), make_uuid_v7()));
    epoch = std::max(a, b);
    const auto won = winner.write(register_game_unit(shard, epoch, make_uuid_v7(), make_uuid_v7()));
    loser.run();
    winner.run();
    CHECK(loser.has_status(lost, write_status::fenced));
    CHECK(winner.has_status(won, write_status::committed));
  }
}

TEST_CASE("a shard without a fence row cannot be acquired") {
  test_database database;
  test_lane lane{database.dsn()};
  CHECK(lane.acquire(player_shard(500)) == 0);
  CHECK(lane.acquire(player_shard(1)) == 1);
}
