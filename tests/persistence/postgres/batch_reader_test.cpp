#include "persistence/postgres/batch_reader.hpp"

#include <doctest/doctest.h>

#include "tests/persistence/postgres/fault_proxy.hpp"
#include "tests/persistence/postgres/test_lane.hpp"

using namespace troupe;
using namespace troupe::test;
using namespace std::chrono_literals;

namespace {

/// A reader without its actor.
struct test_reader {
  explicit test_reader(std::string dsn, std::string replica_dsn = {},
                       database_limits limits = test_lane::quick_limits())
    : reader({std::move(dsn), std::move(replica_dsn), "test/0", make_uuid_v7(), limits,
              test_placement()},
             dog, probe) {}

  void run() {
    while (!reader.idle()) {
      auto done = reader.advance();
      for (auto& receipt : done.loads) receipts.emplace(receipt.ticket, std::move(receipt));
      if (done.again_in && done.again_in->count() > 0) std::this_thread::sleep_for(*done.again_in);
    }
  }
  template <class T>
  const T* value(std::uint64_t number) const {
    const auto found = receipts.find(number);
    if (found == receipts.end() || found->second.why.code != errc::none) return nullptr;
    return std::get_if<T>(&found->second.value);
  }

  metric_registry metrics;
  postgres::watchdog dog;
  postgres::reader_probe probe{metrics, "test", 0};
  postgres::batch_reader reader;
  std::map<std::uint64_t, load_receipt> receipts;
};

player_record player_of(std::string name) {
  return {.id = make_uuid_v7(),
          .name = std::move(name),
          .password_hash = "$argon2id$",
          .created_at = timestamp{1'600'000'000'001},
          .version = 3};
}

} // namespace

TEST_CASE("loads of every kind and of many shards come back as they were written, together") {
  test_database database;
  test_lane lane{database.dsn()};
  const shard_ref directory{family::directory, 2};
  const shard_ref catalog{family::catalog, 0};
  for (auto shard : {directory, catalog, player_shard(1), player_shard(2)})
    REQUIRE(lane.acquire(shard) == 1);

  const auto one = player_of("one");
  const auto two = player_of("two");
  session_record session{.id = make_uuid_v7(),
                         .account_id = one.id,
                         .created_at = timestamp{1},
                         .expires_at = timestamp{2}};
  session.token_hash.fill(9);
  const std::array games{make_uuid_v7(), make_uuid_v7()};
  write_unit a{.shard = player_shard(1), .epoch = 1, .op_id = make_uuid_v7(), .result = "answer"};
  a.request_hash.fill(5);
  // The library's entries go in against their order.
  a.rows = {put_player{one}, put_library_entry{one.id, {games[1], timestamp{7}}},
            put_library_entry{one.id, {games[0], timestamp{8}}}, put_session{session},
            put_job{{make_uuid_v7(), "free_name", "payload"}}};
  write_unit b{.shard = player_shard(2), .epoch = 1, .op_id = make_uuid_v7()};
  b.rows = {put_player{two}};
  write_unit c{.shard = directory, .epoch = 1, .op_id = make_uuid_v7()};
  c.rows = {put_name{{"one", name_state::reserved, {account_kind::player, one.id}, a.op_id}}};
  write_unit d{.shard = catalog, .epoch = 1, .op_id = make_uuid_v7()};
  const studio_record studio{make_uuid_v7(), "Studio", timestamp{10}};
  session_record staff_session{.id = make_uuid_v7(), .account_id = make_uuid_v7()};
  d.rows = {put_studio{studio}, put_game{{games[0], studio.id, "Game", timestamp{11}}},
            put_staff{{.id = make_uuid_v7(),
                       .username = "ann",
                       .password_hash = "h",
                       .role = staff_role::studio,
                       .studio_id = studio.id,
                       .created_at = timestamp{12}}},
            put_session{staff_session}};
  for (const auto& unit : {a, b, c, d}) lane.write(unit);
  lane.run();

  test_reader reader{database.dsn()};
  const auto first = reader.reader.load(player_shard(1), load_player{one.id});
  const auto second = reader.reader.load(player_shard(2), load_player{two.id});
  const auto nobody = reader.reader.load(player_shard(2), load_player{one.id}); // lives in shard 1
  const auto name = reader.reader.load(directory, load_name{"one"});
  const auto no_name = reader.reader.load(directory, load_name{"two"});
  const auto operation = reader.reader.load(player_shard(1), load_operation{a.op_id});
  const auto no_operation = reader.reader.load(player_shard(2), load_operation{a.op_id});
  const auto jobs = reader.reader.load(player_shard(1), load_jobs{});
  const auto no_jobs = reader.reader.load(player_shard(2), load_jobs{});
  const auto all = reader.reader.load(catalog, load_catalog{});
  const auto again = reader.reader.load(player_shard(1), load_player{one.id});
  reader.run();

  for (auto number : {first, again}) {
    const auto* image = reader.value<player_image>(number);
    REQUIRE(image != nullptr);
    CHECK(image->player.name == "one");
    CHECK(image->player.password_hash == one.password_hash);
    CHECK(image->player.created_at == one.created_at);
    CHECK(image->player.version == 3);
    CHECK_FALSE(image->player.deleted);
  }
  // A player who is asked for twice in one round trip has their games once.
  const auto* image = reader.value<player_image>(first);
  REQUIRE(image->library.size() == 2);
  CHECK(image->library[0].game_id == games[0]);
  CHECK(image->library[0].registered_at == timestamp{8});
  REQUIRE(image->sessions.size() == 1);
  CHECK(image->sessions[0].token_hash == session.token_hash);
  CHECK(image->sessions[0].expires_at == session.expires_at);
  REQUIRE(reader.value<player_image>(second) != nullptr);
  CHECK(reader.value<player_image>(second)->library.empty());
  CHECK(reader.value<std::monostate>(nobody) != nullptr);
  REQUIRE(reader.value<name_record>(name) != nullptr);
  CHECK(reader.value<name_record>(name)->account.id == one.id);
  CHECK(reader.value<name_record>(name)->state == name_state::reserved);
  CHECK(reader.value<name_record>(name)->op_id == a.op_id);
  CHECK(reader.value<std::monostate>(no_name) != nullptr);
  REQUIRE(reader.value<stored_operation>(operation) != nullptr);
  CHECK(reader.value<stored_operation>(operation)->result == "answer");
  CHECK(reader.value<stored_operation>(operation)->request_hash == a.request_hash);
  CHECK(reader.value<std::monostate>(no_operation) != nullptr);
  REQUIRE(reader.value<std::vector<job_record>>(jobs) != nullptr);
  CHECK(reader.value<std::vector<job_record>>(jobs)->size() == 1);
  CHECK(reader.value<std::vector<job_record>>(no_jobs)->empty());
  REQUIRE(reader.value<catalog_image>(all) != nullptr);
  CHECK(reader.value<catalog_image>(all)->studios.size() == 1);
  CHECK(reader.value<catalog_image>(all)->games.front().studio_id == studio.id);
  CHECK(reader.value<catalog_image>(all)->staff.front().studio_id == studio.id);
  CHECK(reader.value<catalog_image>(all)->sessions.front().account_id == staff_session.account_id);
}

TEST_CASE("pages over all shards are in order, complete and without repeats") {
  test_database database;
  test_lane lane{database.dsn()};
  const std::array games{make_uuid_v7(), make_uuid_v7(), make_uuid_v7()};
  std::vector<std::pair<uuid, uuid>> expected;
  for (int shard = 0; shard < 16; ++shard) REQUIRE(lane.acquire(player_shard(shard)) == 1);
  for (int i = 0; i < 60; ++i) {
    const auto player = player_of("player" + std::to_string(i));
    auto unit = register_game_unit(player_shard(i % 16), 1, player.id,
                                   games[static_cast<std::size_t>(i) % 3]);
    unit.rows.emplace_back(put_player{player});
    if (i % 3 != 1) expected.emplace_back(games[static_cast<std::size_t>(i) % 3], player.id);
    lane.write(unit);
  }
  lane.run();
  std::ranges::sort(expected);

  test_reader reader{database.dsn()};
  std::vector<std::pair<uuid, uuid>> seen;
  list_registrations page{.game_ids = {games[2], games[0]}, .limit = 7};
  for (;;) {
    const auto found = reader.reader.list(page);
    REQUIRE(found);
    for (const auto& item : found->items) {
      seen.emplace_back(item.game_id, item.player_id);
      CHECK(item.player_name.starts_with("player"));
    }
    if (found->items.size() < page.limit) break;
    page.after = seen.back();
  }
  CHECK(seen == expected);

  const auto sums = reader.reader.sum({{games[0], games[1], make_uuid_v7()}});
  REQUIRE(sums);
  REQUIRE(sums->items.size() == 2);
  for (const auto& sum : sums->items) CHECK(sum.players == 20);
}

TEST_CASE("a page of a large table reads its part of the index only" *
          doctest::skip(test_placement() == database_placement::citus)) {
  test_database database;
  database.query("insert into troupe.player_game (shard_id, player_id, game_id, registered_at)"
                 " select i % 16, gen_random_uuid(),"
                 " ('00000000-0000-0000-0000-00000000000' || i % 5)::uuid, now()"
                 " from generate_series(1, 20000) i");
  database.query(
    "insert into troupe.player (shard_id, player_id, name, password_hash, created_at, version)"
    " select shard_id, player_id, 'p', '', now(), 1 from troupe.player_game");
  test_reader reader{database.dsn()};
  list_registrations page{.limit = 21};
  for (char digit = '0'; digit < '5'; ++digit)
    page.game_ids.push_back(*parse_uuid(std::string(35, '0')
                                          .replace(8, 1, "-")
                                          .replace(13, 1, "-")
                                          .replace(18, 1, "-")
                                          .replace(23, 1, "-") +
                                        digit));
  auto connection = database.connect();
  const auto count = [&] {
    pqxx::nontransaction look{connection};
    look.exec("select pg_stat_clear_snapshot()");
    return look.query_value<std::int64_t>(
      "select coalesce(sum(idx_tup_read), 0)::bigint from pg_stat_user_indexes"
      " where indexrelname = 'player_game_by_game'");
  };
  const auto before = count();
  REQUIRE(reader.reader.list(page)->items.size() == 21);
  // Statistics arrive when the reader's connection is gone, at the latest.
  reader.reader.disconnect();
  std::int64_t after = count();
  for (int i = 0; after == before && i < 1000; ++i) after = count();
  CHECK(after > before);
  CHECK(after - before < 200);
}

TEST_CASE("loads wait for a database that comes back, and are refused when it does not") {
  test_database database;
  auto limits = test_lane::quick_limits();
  limits.unit_wait = 300ms;
  fault_proxy proxy{database.port()};
  test_reader reader{database.dsn_through(proxy.port()), {}, limits};
  reader.reader.advance();
  REQUIRE(reader.reader.connected());

  proxy.set_down(true);
  proxy.set_down(false);
  const auto fine = reader.reader.load(player_shard(0), load_jobs{});
  reader.run();
  CHECK(reader.value<std::vector<job_record>>(fine) != nullptr);
  CHECK(reader.reader.sum({{make_uuid_v7()}}).has_value());

  proxy.set_down(true);
  const auto refused = reader.reader.load(player_shard(0), load_jobs{});
  reader.run();
  CHECK(reader.receipts.at(refused).why.code == errc::storage_unavailable);
  const auto sums = reader.reader.sum({{make_uuid_v7()}});
  REQUIRE_FALSE(sums);
  CHECK(sums.error().code == errc::storage_unavailable);
}

TEST_CASE("lists read from the replica where there is one, and from the primary when it is away") {
  test_database primary;
  test_database replica; // not a real one: other rows tell which of the two answered
  fault_proxy proxy{replica.port()};
  const std::string game = "00000000-0000-0000-0000-000000000001";
  primary.query("insert into troupe.game_counter values (1, '" + game + "', 1)");
  replica.query("insert into troupe.game_counter values (1, '" + game + "', 2)");
  test_reader reader{primary.dsn(), replica.dsn_through(proxy.port())};
  const sum_counters question{{*parse_uuid(game)}};
  CHECK(reader.reader.sum(question)->items.front().players == 2);
  proxy.set_down(true);
  CHECK(reader.reader.sum(question)->items.front().players == 1);
}
