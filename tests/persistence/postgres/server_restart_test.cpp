#include <atomic>
#include <doctest/doctest.h>
#include <thread>

#include "persistence/postgres/batch_writer.hpp"
#include "tests/persistence/postgres/postgres_server.hpp"
#include "tests/persistence/postgres/test_lane.hpp"

using namespace troupe;
using namespace troupe::test;

TEST_CASE(
  "a server that is restarted and crashes in the middle of batches loses and doubles nothing") {
  postgres_server server;
  const std::vector addresses{database_address{"main", server.dsn(), {}}};
  REQUIRE(migrate_up(addresses, test_shard_counts()));
  auto limits = test_lane::quick_limits();
  limits.unit_wait = std::chrono::minutes{5}; // nothing is to be refused, however slow the machine

  std::atomic<std::uint64_t> acknowledged{0};
  std::atomic<bool> stopping{false};
  std::uint64_t written = 0;
  bool all_committed = true;
  const auto game = make_uuid_v7();
  std::thread writing{[&] {
    test_lane lane{server.dsn(), limits};
    for (int shard = 0; shard < 16; ++shard)
      all_committed = all_committed && lane.acquire(player_shard(shard)) == 1;
    while (!stopping) {
      std::vector<std::uint64_t> numbers;
      for (int i = 0; i < 32; ++i)
        numbers.push_back(
          lane.write(register_game_unit(player_shard(i % 16), 1, make_uuid_v7(), game)));
      lane.run();
      for (auto number : numbers)
        all_committed = all_committed && lane.has_status(number, write_status::committed);
      written += numbers.size();
      acknowledged = written;
      acknowledged.notify_all();
    }
  }};
  auto wait_for_more = [&] {
    const auto goal = acknowledged + 320;
    for (auto seen = acknowledged.load(); seen < goal; seen = acknowledged) acknowledged.wait(seen);
  };
  for (int signal : {SIGINT, SIGQUIT, SIGINT, SIGQUIT}) {
    wait_for_more();
    server.stop(signal);
    server.start();
  }
  wait_for_more();
  stopping = true;
  writing.join();

  CHECK(all_committed);
  pqxx::connection connection{server.dsn()};
  pqxx::nontransaction look{connection};
  const auto count = static_cast<std::int64_t>(written);
  CHECK(look.query_value<std::int64_t>("select count(*) from troupe.operation") == count);
  CHECK(look.query_value<std::int64_t>("select count(*) from troupe.player_game") == count);
  CHECK(look.query_value<std::int64_t>("select sum(players)::bigint from troupe.game_counter") ==
        count);
}
