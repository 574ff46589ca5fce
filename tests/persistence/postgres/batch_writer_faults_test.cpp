#include <doctest/doctest.h>
#include <future>

#include "persistence/postgres/batch_writer.hpp"
#include "tests/persistence/postgres/fault_proxy.hpp"
#include "tests/persistence/postgres/test_lane.hpp"

using namespace troupe;
using namespace troupe::test;
using at_commit = fault_proxy::at_commit;
using namespace std::chrono_literals;

namespace {

const shard_ref shard_a = player_shard(1);
const shard_ref shard_b = player_shard(2);

/// There each of the two is a batch of its own, and the first is in doubt alone.
bool on_citus() { return test_placement() == database_placement::citus; }

/// A lane behind a proxy that holds two shards at epoch 1.
struct fixture {
  explicit fixture(database_limits limits = test_lane::quick_limits())
    : proxy(database.port()), lane(database.dsn_through(proxy.port()), limits) {
    REQUIRE(lane.acquire(shard_a) == 1);
    REQUIRE(lane.acquire(shard_b) == 1);
  }

  /// Two units, one per shard.
  std::vector<std::uint64_t> write_two() {
    return {lane.write(register_game_unit(shard_a, 1, make_uuid_v7(), game)),
            lane.write(register_game_unit(shard_b, 1, make_uuid_v7(), game))};
  }

  std::int64_t epoch(shard_ref shard) const {
    return database.number("select epoch from troupe.shard_fence where family = 'player'"
                           " and shard_id = " +
                           std::to_string(shard.shard));
  }
  std::int64_t players() const {
    return database.number("select coalesce(sum(players), 0)::bigint from troupe.game_counter");
  }
  bool all(const std::vector<std::uint64_t>& numbers, write_status status) const {
    return std::ranges::all_of(numbers, [&](auto n) { return lane.has_status(n, status); });
  }
  double doubts() const { return lane.counted("troupe_writer_ambiguous_commits_total"); }

  /// Takes a shard for another incarnation; waits at most `limit` for its lock. False: it had to wait
  /// longer.
  bool depose(shard_ref shard, std::chrono::milliseconds limit) const {
    auto connection = database.connect();
    pqxx::work work{connection};
    try {
      work.exec("set local statement_timeout = " + std::to_string(limit.count()));
      work.exec(taking(shard));
      work.commit();
      return true;
    } catch (const pqxx::sql_error&) {
      return false;
    }
  }

  /// Waits until some session waits for a lock.
  bool someone_waits() const {
    auto connection = database.connect();
    const auto deadline = std::chrono::steady_clock::now() + 10s;
    while (std::chrono::steady_clock::now() < deadline) {
      pqxx::nontransaction look{connection};
      if (look.query_value<bool>(on_citus()
                                   ? "select exists (select from citus_lock_waits)"
                                   : "select exists (select from pg_stat_activity where datname ="
                                     " current_database() and wait_event_type = 'Lock')"))
        return true;
      std::this_thread::yield();
    }
    return false;
  }

  test_database database;
  uuid game = make_uuid_v7();
  fault_proxy proxy;
  test_lane lane;
};

} // namespace

TEST_CASE("an ambiguous commit that did not happen is done once, at a new epoch") {
  fixture f;
  f.proxy.next_commit(at_commit::cut);
  const auto numbers = f.write_two();
  f.lane.run();
  CHECK(f.doubts() == 1);
  CHECK(f.all(numbers, write_status::committed));
  CHECK(f.players() == 2);
  CHECK(f.epoch(shard_a) == 2);
  CHECK(f.epoch(shard_b) == (on_citus() ? 1 : 2));
  // The tenure goes on under its name.
  const auto later = f.write_two();
  f.lane.run();
  CHECK(f.all(later, write_status::committed));
  CHECK(f.epoch(shard_a) == 2);
}

TEST_CASE("an ambiguous commit that did happen is found in the ledger and not done again") {
  fixture f;
  f.proxy.next_commit(at_commit::commit_then_cut);
  const auto numbers = f.write_two();
  f.lane.run();
  CHECK(f.doubts() == 1);
  CHECK(f.all(numbers, write_status::committed));
  CHECK(f.players() == 2);
  CHECK(f.epoch(shard_a) == 2);
}

TEST_CASE("a commit that is still under way is waited for") {
  // The client's side is lost, and the server gets the commit only while the bump already waits.
  auto limits = test_lane::quick_limits();
  limits.takeover_wait = 10s;
  fixture f{limits};
  f.proxy.next_commit(at_commit::abandon_then_commit);
  const auto numbers = f.write_two();
  auto running = std::async(std::launch::async, [&] { f.lane.run(); });
  REQUIRE(f.proxy.wait_for_commit());
  const bool waited = f.someone_waits();
  f.proxy.resume();
  running.get();
  CHECK(waited);
  CHECK(f.all(numbers, write_status::committed));
  CHECK(f.players() == 2);
  CHECK(f.epoch(shard_a) == 2);
}

TEST_CASE("an open transaction that the client lost is ended, and its batch is done again") {
  fixture f; // its patience is shorter than the server's time-out for idle transactions
  f.proxy.next_commit(at_commit::abandon);
  const auto numbers = f.write_two();
  f.lane.run();
  CHECK(f.all(numbers, write_status::committed));
  CHECK(f.players() == 2);
}

TEST_CASE("a shard that is taken during the doubt is fenced, and the other goes on") {
  fixture f;
  SUBCASE("before the commit happened") {
    f.proxy.next_commit(at_commit::cut);
    const auto numbers = f.write_two();
    while (f.doubts() == 0) f.lane.step();
    REQUIRE(f.depose(shard_a, 5s));
    f.lane.run();
    CHECK(f.lane.has_status(numbers[0], write_status::fenced));
    CHECK(f.lane.has_status(numbers[1], write_status::committed));
    CHECK(f.lane.lost().empty());
    CHECK(f.players() == 1);
  }
  SUBCASE("after the commit happened") {
    f.proxy.next_commit(at_commit::commit_then_cut);
    const auto numbers = f.write_two();
    while (f.doubts() == 0) f.lane.step();
    REQUIRE(f.depose(shard_a, 5s));
    f.lane.run();
    // It is durable, and says so; that the shard is lost comes on its own.
    CHECK(f.all(numbers, write_status::committed));
    CHECK(f.lane.lost() == std::vector{shard_a});
    CHECK(f.players() == 2);
  }
}

TEST_CASE(
  "a deposed owner's transaction in flight holds off the new owner until it has committed") {
  // FOR SHARE on the fences makes it so; with a weaker lock the new owner would get the shard, read,
  // and then see the old owner write.
  fixture f;
  f.proxy.next_commit(at_commit::hold);
  const auto numbers = f.write_two();
  auto running = std::async(std::launch::async, [&] { f.lane.run(); });
  REQUIRE(f.proxy.wait_for_commit());
  CHECK_FALSE(f.depose(shard_a, 300ms));
  f.proxy.resume();
  running.get();
  CHECK(f.all(numbers, write_status::committed));
  CHECK(f.epoch(shard_a) == 1);
  CHECK(f.depose(shard_a, 5s));
}

TEST_CASE(
  "a new owner ends a paused old owner's transaction, whose batch then counts for nothing") {
  fixture f;
  test_lane heir{f.database.dsn()};
  f.proxy.next_commit(at_commit::hold);
  const auto numbers = f.write_two();
  auto paused = std::async(std::launch::async, [&] { f.lane.run(); });
  REQUIRE(f.proxy.wait_for_commit());
  CHECK(heir.acquire(shard_a, 1) == 2);
  f.proxy.resume();
  paused.get();
  CHECK(f.lane.has_status(numbers[0], write_status::fenced));
  CHECK(f.lane.has_status(numbers[1], write_status::committed));
  CHECK(f.players() == 1);
}

TEST_CASE(
  "a server process that is ended in the middle of a batch loses nothing and doubles nothing") {
  fixture f;
  f.proxy.next_commit(at_commit::hold);
  const auto numbers = f.write_two();
  auto running = std::async(std::launch::async, [&] { f.lane.run(); });
  REQUIRE(f.proxy.wait_for_commit());
  CHECK(f.database.number("select count(pg_terminate_backend(pid)) from pg_stat_activity"
                          " where application_name = '" +
                          to_string(f.lane.incarnation()) + "'") == 1);
  f.proxy.resume();
  running.get();
  CHECK(f.all(numbers, write_status::committed));
  CHECK(f.players() == 2);
}

TEST_CASE(
  "a server that is away for a while in the middle of a batch loses nothing and doubles nothing") {
  fixture f;
  f.proxy.next_commit(at_commit::hold);
  const auto numbers = f.write_two();
  auto running = std::async(std::launch::async, [&] { f.lane.run(); });
  REQUIRE(f.proxy.wait_for_commit());
  f.proxy.set_down(true);
  f.proxy.resume();
  CHECK(running.wait_for(200ms) == std::future_status::timeout); // in doubt: it cannot tell
  f.proxy.set_down(false);
  running.get();
  CHECK(f.all(numbers, write_status::committed));
  CHECK(f.players() == 2);
}

TEST_CASE("a connection that is lost while idle costs no epoch") {
  fixture f;
  f.proxy.set_down(true);
  f.proxy.set_down(false);
  const auto numbers = f.write_two();
  f.lane.run();
  CHECK(f.all(numbers, write_status::committed));
  CHECK(f.doubts() == 0);
  CHECK(f.epoch(shard_a) == 1);
}

TEST_CASE("units that could not be sent are refused when their time is over") {
  auto limits = test_lane::quick_limits();
  limits.unit_wait = 100ms;
  fixture f{limits};
  f.proxy.set_down(true);
  const auto numbers = f.write_two();
  f.lane.run();
  CHECK(f.all(numbers, write_status::refused));
  CHECK(f.lane.receipt(numbers[0])->why.code == errc::storage_unavailable);
  f.proxy.set_down(false);
  const auto later = f.write_two();
  f.lane.run();
  CHECK(f.all(later, write_status::committed));
  CHECK(f.players() == 2);
  CHECK(f.epoch(shard_a) == 1);
}

TEST_CASE("a unit in doubt is never refused before its fate is known") {
  auto limits = test_lane::quick_limits();
  limits.unit_wait = 100ms;
  fixture f{limits};
  SUBCASE("it was committed") {
    f.proxy.next_commit(at_commit::commit_then_cut);
    const auto numbers = f.write_two();
    while (f.doubts() == 0) f.lane.step();
    f.proxy.set_down(true);
    const auto until = std::chrono::steady_clock::now() + 300ms;
    while (std::chrono::steady_clock::now() < until) f.lane.step();
    CHECK(f.lane.receipt(numbers[0]) == nullptr);
    f.proxy.set_down(false);
    f.lane.run();
    CHECK(f.lane.has_status(numbers[0], write_status::committed));
    CHECK(
      f.lane.has_status(numbers[1], on_citus() ? write_status::refused : write_status::committed));
    CHECK(f.players() == (on_citus() ? 1 : 2));
  }
  SUBCASE("it was not: then its time is over") {
    f.proxy.next_commit(at_commit::cut);
    const auto numbers = f.write_two();
    while (f.doubts() == 0) f.lane.step();
    f.proxy.set_down(true);
    const auto until = std::chrono::steady_clock::now() + 300ms;
    while (std::chrono::steady_clock::now() < until) f.lane.step();
    f.proxy.set_down(false);
    f.lane.run();
    CHECK(f.all(numbers, write_status::refused));
    CHECK(f.players() == 0);
  }
}

TEST_CASE(
  "a frozen server is cut by the watchdog, and the batch is settled on another connection") {
  auto limits = test_lane::quick_limits();
  limits.round_trip_timeout = 500ms;
  fixture f{limits};
  f.proxy.next_commit(at_commit::freeze);
  const auto numbers = f.write_two();
  const auto began = std::chrono::steady_clock::now();
  f.lane.run();
  CHECK(std::chrono::steady_clock::now() - began < 10s);
  CHECK(f.doubts() == 1);
  CHECK(f.all(numbers, write_status::committed));
  CHECK(f.players() == 2);
}
