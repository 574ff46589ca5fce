#include "tests/persistence/postgres/test_database.hpp"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <libpq-fe.h>
#include <stdexcept>
#include <utility>

namespace troupe::test {

namespace {

/// `dsn` with other values for some of its keywords.
std::string with(const std::string& dsn,
                 const std::vector<std::pair<std::string, std::string>>& changes,
                 std::uint16_t* port = nullptr) {
  auto* options = PQconninfoParse(dsn.c_str(), nullptr);
  if (options == nullptr) throw std::runtime_error{"the test server's DSN cannot be read"};
  std::string text;
  auto append = [&text](std::string_view key, std::string_view value) {
    text += key;
    text += "='";
    for (char c : value) {
      if (c == '\'' || c == '\\') text += '\\';
      text += c;
    }
    text += "' ";
  };
  for (auto* option = options; option->keyword != nullptr; ++option) {
    if (option->val == nullptr) continue;
    const std::string_view keyword{option->keyword};
    if (keyword == "port" && port != nullptr) {
      const std::string_view value{option->val};
      std::from_chars(value.data(), value.data() + value.size(), *port);
    }
    if (std::ranges::none_of(changes, [&](const auto& c) { return c.first == keyword; }))
      append(keyword, option->val);
  }
  PQconninfoFree(options);
  for (const auto& [keyword, value] : changes) append(keyword, value);
  return text;
}

} // namespace

database_placement test_placement() {
  return std::getenv("TROUPE_TEST_ON_CITUS") != nullptr ? database_placement::citus
                                                        : database_placement::postgres;
}

void test_database::create_on_citus() {
  const char* coordinator = std::getenv("TROUPE_TEST_CITUS");
  if (coordinator == nullptr) {
    std::puts("skipped: this machine's PostgreSQL has no extension Citus");
    std::fflush(stdout);
    std::_Exit(77);
  }
  admin_dsn_ = coordinator;
  pqxx::connection admin{admin_dsn_};
  pqxx::nontransaction look{admin};
  std::vector<std::pair<std::string, int>> nodes; // the coordinator first
  for (const auto& row : look.exec("select nodeport from pg_dist_node order by groupid"))
    nodes.emplace_back(with(admin_dsn_, {{"port", row[0].as<std::string>()}}), row[0].as<int>());
  const auto secrets = look.query_value<std::string>("select authinfo from pg_dist_authinfo");
  for (const auto& [dsn, port] : nodes) {
    pqxx::connection node{dsn};
    // The statement is for this node only, not for the extension to pass on.
    pqxx::nontransaction{node}.exec("set citus.enable_ddl_propagation = off");
    pqxx::nontransaction{node}.exec("create database " + name_);
    pqxx::connection fresh{with(dsn, {{"dbname", name_}})};
    pqxx::nontransaction work{fresh};
    work.exec("create extension citus");
    work.exec("insert into pg_dist_authinfo values (0, 'troupe', $1)", pqxx::params{secrets});
  }
  pqxx::connection first{with(admin_dsn_, {{"dbname", name_}})};
  pqxx::nontransaction work{first};
  work.exec("select citus_set_coordinator_host('127.0.0.1', $1)",
            pqxx::params{nodes.front().second});
  for (std::size_t i = 1; i < nodes.size(); ++i) {
    work.exec("select citus_add_node('127.0.0.1', $1)", pqxx::params{nodes[i].second});
    workers_.push_back(nodes[i].first);
  }
}

test_database::test_database(content what, server where) {
  name_ = "test_" + to_string(make_uuid_v7());
  std::ranges::replace(name_, '-', '_');
  if (test_placement() == database_placement::citus)
    create_on_citus();
  else
    create(where);
  // Without TLS, so that a proxy can read what passes.
  dsn_ = with(admin_dsn_, {{"dbname", name_}, {"sslmode", "disable"}}, &port_);
  if (what == content::migrated) {
    const auto done = migrate_up(std::vector{address()}, test_shard_counts());
    if (!done) throw std::runtime_error{done.error().detail};
  }
}

void test_database::create(server where) {
  const auto variable = std::string{"TROUPE_TEST_PG_"} + static_cast<char>(where);
  const char* server_dsn = std::getenv(variable.c_str());
  if (server_dsn == nullptr) throw std::runtime_error{variable + " is not set; use ./dev test"};
  admin_dsn_ = server_dsn;
  pqxx::connection admin{admin_dsn_};
  pqxx::nontransaction{admin}.exec("create database " + name_);
}

test_database::~test_database() {
  try {
    workers_.insert(workers_.begin(), admin_dsn_);
    for (const auto& dsn : workers_) {
      pqxx::connection admin{dsn};
      if (workers_.size() > 1)
        pqxx::nontransaction{admin}.exec("set citus.enable_ddl_propagation = off");
      pqxx::nontransaction{admin}.exec("drop database if exists " + name_ + " with (force)");
    }
  } catch (const std::exception&) {
    // The server goes with the test run.
  }
}

std::string test_database::dsn_through(std::uint16_t port) const {
  return with(dsn_, {{"host", "127.0.0.1"}, {"port", std::to_string(port)}});
}

pqxx::result test_database::query(const std::string& sql) const {
  auto connection = connect();
  return pqxx::nontransaction{connection}.exec(sql);
}

std::int64_t test_database::number(const std::string& sql) const {
  return query(sql).one_field().as<std::int64_t>();
}

std::string taking(shard_ref shard) {
  return "update troupe.shard_fence set epoch = epoch + 1, owner = '" + to_string(make_uuid_v7()) +
         "' where shard_id = " + std::to_string(shard.shard) + " and family = '" +
         std::string{to_string(shard.fam)} + "'";
}

std::vector<family_shard_count> test_shard_counts() {
  return {{family::directory, 4},
          {family::player, 16},
          {family::catalog, 1},
          {family::provider, 2}};
}

write_unit register_game_unit(shard_ref shard, std::int64_t epoch, uuid player, uuid game,
                              std::string result) {
  write_unit unit{.shard = shard,
                  .epoch = epoch,
                  .op_id = make_uuid_v7(),
                  .result = std::move(result)};
  unit.request_hash.fill(7);
  unit.rows.emplace_back(put_library_entry{player, {game, timestamp{1'700'000'000'123}}});
  unit.rows.emplace_back(add_to_counter{game, 1});
  return unit;
}

} // namespace troupe::test
