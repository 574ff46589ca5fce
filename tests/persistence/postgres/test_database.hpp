#pragma once

#include <cstdint>
#include <pqxx/pqxx>
#include <string>
#include <vector>

#include "base/uuid.hpp"
#include "persistence/migrations.hpp"
#include "persistence/write_unit.hpp"

namespace troupe::test {

/// Where TROUPE_TEST_ON_CITUS is set, the test databases are on the test Citus, spread over its workers.
/// Without a Citus the program then ends with the code for a test that was skipped.
database_placement test_placement();

/// A database of its own on the test server A (or B), dropped at the end with whoever is connected.
class test_database {
public:
  enum class server : char { a = 'A', b = 'B' };
  enum class content { empty, migrated };

  explicit test_database(content what = content::migrated, server where = server::a);
  ~test_database();
  test_database(const test_database&) = delete;
  test_database& operator=(const test_database&) = delete;

  const std::string& dsn() const noexcept { return dsn_; }
  /// The same database through another port of this machine.
  std::string dsn_through(std::uint16_t port) const;
  std::uint16_t port() const noexcept { return port_; }
  database_address address(std::string name = "main") const {
    return {std::move(name), dsn_, {}, test_placement()};
  }

  /// A plain connection for looking and meddling.
  pqxx::connection connect() const { return pqxx::connection{dsn_}; }
  pqxx::result query(const std::string& sql) const;
  std::int64_t number(const std::string& sql) const;

private:
  void create(server where);
  void create_on_citus();

  std::string name_;
  std::string admin_dsn_;
  std::vector<std::string> workers_; ///< their databases of that name
  std::string dsn_;
  std::uint16_t port_ = 0;
};

/// Another incarnation takes a shard, by plain SQL.
std::string taking(shard_ref shard);

/// The counts that test databases are born with.
std::vector<family_shard_count> test_shard_counts();

/// A unit like that of "put a game into the library": a row, a counter and the ledger's row.
write_unit register_game_unit(shard_ref shard, std::int64_t epoch, uuid player, uuid game,
                              std::string result = "done");

} // namespace troupe::test
