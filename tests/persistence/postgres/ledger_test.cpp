#include "persistence/postgres/ledger.hpp"

#include <doctest/doctest.h>

#include "tests/persistence/postgres/test_database.hpp"

using namespace troupe;
using namespace std::chrono_literals;

TEST_CASE("the sweep deletes old operations in bounded chunks and leaves young ones alone" *
          doctest::skip(test::test_placement() == database_placement::citus)) {
  test::test_database database;
  database.query("insert into troupe.operation (shard_id, family, op_id, request_hash, result, at)"
                 " select i % 16, 'player', gen_random_uuid(), '', '',"
                 " now() - make_interval(hours => case when i <= 250 then 25 else 23 end)"
                 " from generate_series(1, 400) i");
  postgres::watchdog dog;
  postgres::connection connection{database.dsn(), {.application_name = "test"}, 10s, dog};
  REQUIRE(connection.open());
  CHECK(postgres::sweep_operations(connection, 24h, 100, database_placement::postgres).value() ==
        100);
  CHECK(postgres::sweep_operations(connection, 24h, 100, database_placement::postgres).value() ==
        100);
  CHECK(postgres::sweep_operations(connection, 24h, 100, database_placement::postgres).value() ==
        50);
  CHECK(postgres::sweep_operations(connection, 24h, 100, database_placement::postgres).value() ==
        0);
  CHECK(database.number("select count(*) from troupe.operation") == 150);
}
