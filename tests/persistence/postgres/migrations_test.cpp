#include "persistence/migrations.hpp"

#include <doctest/doctest.h>
#include <future>

#include "tests/persistence/postgres/test_database.hpp"

using namespace troupe;
using troupe::test::test_database;

namespace {

std::vector<migration_state> states(const database_status& status) {
  std::vector<migration_state> found;
  for (const auto& row : status.migrations) found.push_back(row.state);
  return found;
}

bool all_are(const database_status& status, migration_state state) {
  return std::ranges::all_of(status.migrations, [&](const auto& m) { return m.state == state; });
}

} // namespace

TEST_CASE("an empty database has everything pending and is refused until it is migrated") {
  test_database database{test_database::content::empty};
  const std::vector addresses{database.address()};
  auto status = migration_status(addresses);
  REQUIRE(status);
  CHECK(status->front().migrations.size() == 8);
  CHECK(all_are(status->front(), migration_state::pending));
  const auto refused = check_schema(addresses);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().detail.contains("older than this program"));

  REQUIRE(migrate_up(addresses, test::test_shard_counts()));
  CHECK(check_schema(addresses));
  status = migration_status(addresses);
  REQUIRE(status);
  CHECK(all_are(status->front(), migration_state::applied));
}

TEST_CASE("migrating again changes nothing") {
  test_database database;
  const std::vector addresses{database.address()};
  const auto before = database.query("select version, applied_at from troupe.migration order by 1");
  const auto fences = database.number("select count(*) from troupe.shard_fence");
  CHECK(fences == 4 + 16 + 1 + 2);
  REQUIRE(migrate_up(addresses));
  const auto after = database.query("select version, applied_at from troupe.migration order by 1");
  REQUIRE(before.size() == after.size());
  for (int i = 0; i < before.size(); ++i) CHECK(before[i][1].view() == after[i][1].view());
  CHECK(database.number("select count(*) from troupe.shard_fence") == fences);
}

TEST_CASE("several may migrate at once, and each migration is applied once") {
  test_database database{test_database::content::empty};
  const std::vector addresses{database.address()};
  std::vector<std::future<bool>> runs;
  for (int i = 0; i < 4; ++i)
    runs.push_back(std::async(std::launch::async, [&] {
      return migrate_up(addresses, test::test_shard_counts()).has_value();
    }));
  for (auto& run : runs) CHECK(run.get());
  CHECK(database.number("select count(*) from troupe.migration") == 8);
  CHECK(database.number("select count(*) from troupe.shard_home") == 23);
}

TEST_CASE("shards are spread over the databases, and each database has the fences of its own") {
  test_database one{test_database::content::empty, test_database::server::a};
  test_database two{test_database::content::empty, test_database::server::b};
  const std::vector addresses{one.address("one"), two.address("two")};
  const auto status = migrate_up(addresses, test::test_shard_counts());
  REQUIRE(status);
  CHECK((*status)[0].migrations.size() == 8);
  CHECK((*status)[1].migrations.size() ==
        5); // the cluster's tables are in the control database only
  CHECK(one.number("select count(*) from troupe.shard_fence where family = 'player'") == 8);
  CHECK(two.number("select count(*) from troupe.shard_fence where family = 'player'") == 8);
  CHECK(two.number("select count(*) from troupe.shard_fence where family = 'catalog'") == 0);
  CHECK(one.number("select count(*) from troupe.shard_home h join troupe.shard_fence f"
                   " using (shard_id, family) where h.database = 'two'") == 0);
  CHECK(check_schema(addresses));

  SUBCASE("a database that holds shards cannot be left out") {
    const auto refused = migrate_up(std::vector{one.address("one")});
    REQUIRE_FALSE(refused);
    CHECK(refused.error().detail.contains("\"two\""));
  }
}

TEST_CASE("the number of shards cannot change after the first run") {
  test_database database;
  const std::vector addresses{database.address()};
  auto counts = test::test_shard_counts();
  counts[1].count = 32;
  const auto refused = migrate_up(addresses, counts);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().detail.contains("16 shards, not 32"));
}

TEST_CASE("a migration applied with another text is refused") {
  test_database database;
  const std::vector addresses{database.address()};
  database.query("update troupe.migration set checksum = decode('00', 'hex') where version = 3");
  const auto status = migration_status(addresses);
  REQUIRE(status);
  CHECK(states(status->front())[2] == migration_state::changed);
  for (const auto& refused :
       {check_schema(addresses), migrate_up(addresses).transform([](auto&&) {})}) {
    REQUIRE_FALSE(refused);
    CHECK(refused.error().detail.contains("3 (players)"));
    CHECK(refused.error().detail.contains("checksum"));
  }
}

TEST_CASE("a schema that is newer than the program is refused") {
  test_database database;
  const std::vector addresses{database.address()};
  database.query("insert into troupe.migration (version, name, checksum)"
                 " values (1000, 'future', decode('00', 'hex'))");
  const auto status = migration_status(addresses);
  REQUIRE(status);
  CHECK(status->front().migrations.back().state == migration_state::unknown);
  for (const auto& refused :
       {check_schema(addresses), migrate_up(addresses).transform([](auto&&) {})}) {
    REQUIRE_FALSE(refused);
    CHECK(refused.error().detail.contains("newer"));
  }
}

TEST_CASE(
  "a server that cannot be reached and a DSN that cannot be read are said without secrets") {
  const std::vector away{
    database_address{"gone",
                     "host=127.0.0.1 port=1 user=u password=hunter2 dbname=d connect_timeout=2",
                     {}}};
  const auto unreachable = check_schema(away);
  REQUIRE_FALSE(unreachable);
  CHECK(unreachable.error().code == errc::storage_unavailable);
  CHECK_FALSE(unreachable.error().detail.contains("hunter2"));
  const std::vector broken{database_address{"bad", "host=127.0.0.1 passwrod=hunter2", {}}};
  const auto unreadable = check_schema(broken);
  REQUIRE_FALSE(unreadable);
  CHECK_FALSE(unreadable.error().detail.contains("hunter2"));
}
