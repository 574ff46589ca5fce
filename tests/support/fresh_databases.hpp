#pragma once

#include <cstdlib>
#include <doctest/doctest.h>
#include <pqxx/pqxx>
#include <string>
#include <unistd.h>
#include <vector>

#include "persistence/migrations.hpp"

namespace troupe::test {

/// A new database of this program's schema on each of the test servers A and B, dropped at the end.
class fresh_databases {
public:
  fresh_databases() {
    static int number = 0;
    const auto name = "troupe_test_" + std::to_string(getpid()) + "_" + std::to_string(number++);
    for (const char* server : {"TROUPE_TEST_PG_A", "TROUPE_TEST_PG_B"}) {
      const char* dsn = std::getenv(server);
      REQUIRE_MESSAGE(dsn != nullptr, "run this by ./dev test, which starts the servers");
      servers_.emplace_back(dsn);
      pqxx::connection link{servers_.back()};
      pqxx::nontransaction{link}.exec("create database " + name);
      const auto slash = servers_.back().rfind('/');
      addresses_.push_back(
        {server == std::string{"TROUPE_TEST_PG_A"} ? "a" : "b",
         servers_.back().substr(0, slash + 1) + name, ""});
    }
    name_ = name;
    const auto migrated = migrate_up(addresses_);
    REQUIRE_MESSAGE(migrated, migrated.error().detail);
  }
  fresh_databases(const fresh_databases&) = delete;
  fresh_databases& operator=(const fresh_databases&) = delete;
  ~fresh_databases() {
    for (const auto& server : servers_) {
      pqxx::connection link{server};
      pqxx::nontransaction{link}.exec("drop database " + name_ + " with (force)");
    }
  }

  const std::vector<database_address>& addresses() const noexcept { return addresses_; }

  pqxx::connection open(std::size_t which) const {
    return pqxx::connection{addresses_.at(which).dsn};
  }

  /// The one value of a query, as text.
  std::string ask(std::size_t which, const std::string& sql) const {
    auto link = open(which);
    return pqxx::nontransaction{link}.query_value<std::string>(sql);
  }

private:
  std::vector<std::string> servers_;
  std::vector<database_address> addresses_;
  std::string name_;
};

} // namespace troupe::test
