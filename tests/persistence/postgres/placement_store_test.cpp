#include "persistence/placement_store.hpp"

#include <doctest/doctest.h>

#include "tests/persistence/postgres/test_database.hpp"
#include "tests/persistence/postgres/test_lane.hpp"

using namespace troupe;
using namespace std::chrono_literals;
using namespace troupe::test;

namespace {

const fence_row* find(const placement_store::picture& seen, shard_ref ref) {
  const auto found = std::ranges::find(seen.fences, ref, &fence_row::ref);
  return found == seen.fences.end() ? nullptr : &*found;
}

} // namespace

TEST_CASE("placement reads who owns what, and what operators want") {
  test_database database;
  test_lane lane{database.dsn()};
  const shard_ref owned{family::player, 1};
  REQUIRE(lane.acquire(owned) == 1);
  const std::array databases{database.address()};
  auto store = make_placement_store(databases, make_uuid_v7(), 2'000ms);
  auto seen = store->read();
  REQUIRE(seen);
  REQUIRE(find(*seen, owned));
  CHECK(find(*seen, owned)->epoch == 1);
  CHECK(find(*seen, owned)->owner == lane.incarnation());
  REQUIRE(find(*seen, {family::player, 2}));
  CHECK_FALSE(find(*seen, {family::player, 2})->owner);
  CHECK(seen->pins.empty());
  CHECK(seen->unreachable.empty());

  const auto version = database.number("select version from troupe.membership");
  REQUIRE(pin_shard(database.address(), owned, "n1"));
  REQUIRE(pin_shard(database.address(), owned, "n2"));
  seen = store->read();
  REQUIRE(seen->pins.size() == 1);
  CHECK(seen->pins[0].ref == owned);
  CHECK(seen->pins[0].node == "n2");
  REQUIRE(pin_shard(database.address(), owned, ""));
  CHECK(store->read()->pins.empty());
  CHECK(database.number("select version from troupe.membership") == version + 3);
}

TEST_CASE(
  "a data database that is away hides its shards and no others, the control database hides all") {
  test_database control;
  auto gone = control.address("gone");
  gone.dsn = control.dsn_through(1);
  const std::array databases{control.address(), gone};
  const std::array reversed{gone, control.address()};
  auto seen = make_placement_store(databases, make_uuid_v7(), 500ms)->read();
  REQUIRE(seen);
  CHECK_FALSE(seen->fences.empty());
  CHECK(seen->unreachable == std::vector<std::string>{"gone"});
  const auto nothing = make_placement_store(reversed, make_uuid_v7(), 500ms)->read();
  REQUIRE_FALSE(nothing);
  CHECK(nothing.error().code == errc::storage_unavailable);
}
