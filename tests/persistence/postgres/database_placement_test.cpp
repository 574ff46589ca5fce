#include <doctest/doctest.h>

#include "persistence/postgres/ledger.hpp"
#include "tests/persistence/postgres/test_lane.hpp"

using namespace troupe;
using namespace troupe::test;
using namespace std::chrono_literals;

TEST_CASE("a database that is not what its placement says is refused") {
  test_database database;
  auto address = database.address();
  CHECK(check_schema(std::array{address}).has_value());
  address.placement = address.placement == database_placement::citus ? database_placement::postgres
                                                                     : database_placement::citus;
  const auto checked = check_schema(std::array{address});
  REQUIRE_FALSE(checked.has_value());
  CHECK(checked.error().detail.contains("placement"));
  CHECK_FALSE(migrate_up(std::array{address}, test_shard_counts()).has_value());
}

TEST_CASE("units of many shards come in any order, and each shard's commit in its own") {
  test_database database;
  test_lane lane{database.dsn()};
  for (int shard = 0; shard < 4; ++shard) REQUIRE(lane.acquire(player_shard(shard)) == 1);
  const auto game = make_uuid_v7();
  const auto player = make_uuid_v7();
  std::vector<std::uint64_t> numbers;
  // Each shard ends with the game in the library: put, delete, put.
  for (int round = 0; round < 3; ++round)
    for (int shard = 0; shard < 4; ++shard) {
      auto unit = register_game_unit(player_shard(shard), 1, player, game);
      if (round == 1) unit.rows = {delete_library_entry{player, game}, add_to_counter{game, -1}};
      numbers.push_back(lane.write(std::move(unit)));
    }
  lane.run();
  for (auto number : numbers) CHECK(lane.has_status(number, write_status::committed));
  CHECK(database.number("select count(*) from troupe.player_game") == 4);
  CHECK(database.number("select sum(players)::bigint from troupe.game_counter") == 4);
  CHECK(database.number("select count(*) from troupe.operation") == 12);
}

TEST_CASE("old operations of all workers are swept, and young ones are left alone" *
          doctest::skip(test_placement() == database_placement::postgres)) {
  test_database database;
  database.query("insert into troupe.operation (shard_id, family, op_id, request_hash, result, at)"
                 " select i % 16, 'player', gen_random_uuid(), '', '',"
                 " now() - make_interval(hours => case when i <= 250 then 25 else 23 end)"
                 " from generate_series(1, 400) i");
  postgres::watchdog dog;
  postgres::connection connection{database.dsn(),
                                  {.application_name = "test"},
                                  10s,
                                  dog,
                                  test_placement()};
  REQUIRE(connection.open());
  CHECK(postgres::sweep_operations(connection, 24h, 100, test_placement()).value() == 250);
  CHECK(database.number("select count(*) from troupe.operation") == 150);
}
