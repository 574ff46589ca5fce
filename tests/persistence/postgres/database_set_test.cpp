#include "persistence/database_set.hpp"

#include <caf/all.hpp>
#include <doctest/doctest.h>
#include <set>

#include "persistence/caf_errors.hpp"
#include "tests/persistence/caf_types.hpp"
#include "tests/persistence/postgres/fault_proxy.hpp"
#include "tests/persistence/postgres/test_lane.hpp"

using namespace troupe;
using namespace troupe::test;
using namespace std::chrono_literals;

namespace {

caf::actor_system_config& configuration() {
  register_types();
  static caf::actor_system_config config;
  config.set("caf.scheduler.max-threads", 2);
  return config;
}

/// A blocking stand-in for a shard actor: collects what lanes and readers answer.
struct client {
  explicit client(caf::actor_system& system) : self(system) {}

  shard_client handle() { return caf::actor_cast<shard_client>(caf::actor{self.ptr()}); }

  template <class T>
  std::optional<T> receive() {
    std::optional<T> got;
    self->receive([&](T& answer) { got = std::move(answer); }, caf::after(10s) >> [] {});
    return got;
  }

  caf::scoped_actor self;
};

database_set_settings settings_for(std::vector<database_address> databases) {
  return {.databases = std::move(databases),
          .lanes = 2,
          .readers = 1,
          .incarnation = make_uuid_v7(),
          .limits = test_lane::quick_limits()};
}

/// Waits until every database is as asked. The states change by events of threads of their own.
bool becomes(const database_set& set, bool up) {
  const auto deadline = std::chrono::steady_clock::now() + 10s;
  while (std::chrono::steady_clock::now() < deadline) {
    if (std::ranges::all_of(set.health(), [&](const auto& h) { return h.up == up; })) return true;
    std::this_thread::yield();
  }
  return false;
}

} // namespace

TEST_CASE("a set follows shards to a database that is added, and closes it when they have left") {
  caf::actor_system system{configuration()};
  metric_registry metrics;
  test_database one{test_database::content::empty, test_database::server::a};
  test_database two{test_database::content::empty, test_database::server::b};
  const std::vector before{one.address("one")};
  const std::vector after{one.address("one"), two.address("two")};
  REQUIRE(migrate_up(before, test_shard_counts()));
  REQUIRE(migrate_up(after));
  auto opened = database_set::open(system, settings_for(before), metrics);
  REQUIRE(opened);
  auto& set = **opened;
  const auto ref = player_shard(5);
  const auto first = set.at(ref).writer;
  REQUIRE(set.readers().size() == 1);

  set.refresh(after, std::vector{shard_home{ref, "two"}});
  CHECK(set.readers().size() == 2);
  CHECK(becomes(set, true));
  CHECK(set.health().size() == 2);
  CHECK(set.at(ref).writer != first);
  two.query("insert into troupe.shard_fence (shard_id, family, epoch) values (5, 'player', 7)");
  client me{system};
  me.self->send(set.at(ref).writer, acquire_request{ref, 7, me.handle()});
  const auto acquired = me.receive<acquire_receipt>();
  REQUIRE(acquired);
  CHECK(acquired->epoch == 8);
  me.self->send(set.at(ref).writer, release_request{ref, 8});

  set.refresh(before, std::vector{shard_home{ref, "elsewhere"}});
  CHECK(set.readers().size() == 2); // a shard lives there still
  set.refresh(before, std::vector{shard_home{ref, "one"}});
  CHECK(set.readers().size() == 1);
  CHECK(set.health().size() == 1);
  CHECK(set.at(ref).writer == first);
  set.refresh(after, {});
  CHECK(set.readers().size() == 2);
  CHECK(set.stop(10s));
}

TEST_CASE("a set over two databases serves every shard where it lives") {
  caf::actor_system system{configuration()};
  metric_registry metrics;
  test_database one{test_database::content::empty, test_database::server::a};
  test_database two{test_database::content::empty, test_database::server::b};
  const std::vector addresses{one.address("one"), two.address("two")};
  REQUIRE(migrate_up(addresses, test_shard_counts()));
  auto opened = database_set::open(system, settings_for(addresses), metrics);
  REQUIRE(opened);
  auto& set = **opened;
  CHECK(set.shard_count(family::player) == 16);
  CHECK(set.shard_count(family::catalog) == 1);
  CHECK(becomes(set, true));

  client me{system};
  const auto game = make_uuid_v7();
  std::set<caf::actor_id> writers;
  std::uint64_t ticket = 100;
  for (int shard = 0; shard < 16; ++shard) {
    const auto& storage = set.at(player_shard(shard));
    writers.insert(storage.writer.id());
    me.self->send(storage.writer, acquire_request{player_shard(shard), 0, me.handle()});
    const auto acquired = me.receive<acquire_receipt>();
    REQUIRE(acquired);
    CHECK(acquired->why.code == errc::none);
    const player_record player{.id = make_uuid_v7(), .name = "p", .created_at = now()};
    auto unit = register_game_unit(player_shard(shard), acquired->epoch, player.id, game);
    unit.rows.emplace_back(put_player{player});
    me.self->send(storage.writer,
                  write_request{++ticket, std::make_shared<const write_unit>(unit), me.handle()});
    const auto written = me.receive<write_receipts>();
    REQUIRE(written);
    REQUIRE(written->items.size() == 1);
    CHECK(written->items[0].ticket == ticket);
    CHECK(written->items[0].status == write_status::committed);
    me.self->send(storage.reader,
                  load_request{++ticket, player_shard(shard), load_player{player.id}, me.handle()});
    const auto loaded = me.receive<load_receipts>();
    REQUIRE(loaded);
    CHECK(loaded->items.at(0).ticket == ticket);
    CHECK(std::holds_alternative<player_image>(loaded->items[0].value));
  }
  CHECK(writers.size() == 4);
  CHECK(one.number("select count(*) from troupe.player") == 8);
  CHECK(two.number("select count(*) from troupe.player") == 8);

  std::int64_t players = 0;
  std::size_t listed = 0;
  for (const auto& database : set.readers()) {
    me.self->request(database.reader, 10s, sum_counters{{game}})
      .receive([&](const counters& found) { players += found.items.at(0).players; },
               [](const caf::error& why) { FAIL(caf::to_string(why)); });
    me.self->request(database.reader, 10s, list_registrations{.game_ids = {game}, .limit = 100})
      .receive([&](const registrations& found) { listed += found.items.size(); },
               [](const caf::error& why) { FAIL(caf::to_string(why)); });
  }
  CHECK(players == 16);
  CHECK(listed == 16);

  // Released shards have no owner; one that was not released is told that its lane ends.
  for (int shard = 1; shard < 16; ++shard)
    me.self->send(set.at(player_shard(shard)).writer, release_request{player_shard(shard), 1});
  CHECK(set.stop(10s));
  const auto lost = me.receive<tenure_lost>();
  REQUIRE(lost);
  CHECK(lost->shard == player_shard(0));
  CHECK(one.number("select count(*) from troupe.shard_fence where owner is not null") == 1);
  CHECK(two.number("select count(*) from troupe.shard_fence where owner is not null") == 0);
}

TEST_CASE("units that come together commit together, and answers to one shard come together") {
  caf::actor_system system{configuration()};
  metric_registry metrics;
  test_database database;
  auto opened = database_set::open(system, settings_for({database.address()}), metrics);
  REQUIRE(opened);
  client me{system};
  const auto& storage = (*opened)->at(player_shard(3));
  me.self->send(storage.writer, acquire_request{player_shard(3), 0, me.handle()});
  REQUIRE(me.receive<acquire_receipt>());
  constexpr std::uint64_t count = 500;
  for (std::uint64_t i = 0; i < count; ++i)
    me.self->send(storage.writer,
                  write_request{i,
                                std::make_shared<const write_unit>(register_game_unit(
                                  player_shard(3), 1, make_uuid_v7(), make_uuid_v7())),
                                me.handle()});
  std::uint64_t next = 0;
  std::size_t messages = 0;
  while (next < count) {
    const auto receipts = me.receive<write_receipts>();
    REQUIRE(receipts);
    ++messages;
    for (const auto& receipt : receipts->items) {
      CHECK(receipt.ticket == next++); // in the order of their commit
      CHECK(receipt.status == write_status::committed);
    }
  }
  CHECK(messages < count / 4);
  CHECK((*opened)->stop(10s));
}

TEST_CASE("a database that goes away and comes back shows in the health, and nothing hangs") {
  caf::actor_system system{configuration()};
  metric_registry metrics;
  test_database database;
  fault_proxy proxy{database.port()};
  auto settings = settings_for({{"main", database.dsn_through(proxy.port()), {}}});
  settings.limits.unit_wait = 200ms;
  auto opened = database_set::open(system, settings, metrics);
  REQUIRE(opened);
  auto& set = **opened;
  REQUIRE(becomes(set, true));
  client me{system};
  for (int shard = 0; shard < 2; ++shard) {
    me.self->send(set.at(player_shard(shard)).writer,
                  acquire_request{player_shard(shard), 0, me.handle()});
    REQUIRE(me.receive<acquire_receipt>());
  }
  proxy.set_down(true);
  auto write = [&](int shard) {
    me.self->send(set.at(player_shard(shard)).writer,
                  write_request{1,
                                std::make_shared<const write_unit>(register_game_unit(
                                  player_shard(shard), 1, make_uuid_v7(), make_uuid_v7())),
                                me.handle()});
    const auto receipts = me.receive<write_receipts>();
    REQUIRE(receipts);
    return receipts->items.at(0);
  };
  CHECK(write(0).why.code == errc::storage_unavailable);
  CHECK_FALSE(set.health().front().up);
  me.self->request(set.readers().front().reader, 10s, sum_counters{{make_uuid_v7()}})
    .receive([](const counters&) { FAIL("the database is away"); },
             [](const caf::error& why) { CHECK(why == errc::storage_unavailable); });
  proxy.set_down(false);
  REQUIRE(becomes(set, true));
  CHECK(write(0).status == write_status::committed);
  CHECK(write(1).status == write_status::committed);
  CHECK(set.stop(10s));
}

TEST_CASE("a set does not open over databases that were not migrated or do not hold all homes") {
  caf::actor_system system{configuration()};
  metric_registry metrics;
  test_database empty{test_database::content::empty};
  const auto refused = database_set::open(system, settings_for({empty.address()}), metrics);
  REQUIRE_FALSE(refused);
  test_database database;
  const auto renamed = database_set::open(system, settings_for({database.address("other")}),
                                          metrics);
  REQUIRE_FALSE(renamed);
  CHECK(renamed.error().detail.contains("\"main\""));
}
