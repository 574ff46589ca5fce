#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/family.hpp"
#include "persistence/database_placement.hpp"

// The schema of the databases, and how it gets there. Used by the command line (`migrate`) and by
// `serve` at its start. Every function blocks; call from a plain thread. The details of these failures
// are for operators and may name servers: they never go to a client.

namespace troupe {

/// One configured Postgres database. The first of a list is the control database.
struct database_address {
  std::string name;        ///< as stored in `shard_home`: never changes once shards live there
  std::string dsn;         ///< libpq connection string or URI; a secret
  std::string replica_dsn; ///< of a read replica for lists and sums; empty: none
  database_placement placement = database_placement::postgres;
};

/// How many shards a family is born with.
struct family_shard_count {
  family fam = family::directory;
  std::uint32_t count = 0;
};

enum class migration_state : std::uint8_t {
  applied,
  pending,
  changed, ///< applied, but with another text than this program's: nothing goes on from there
  unknown, ///< applied by a newer program
};

std::string_view to_string(migration_state state) noexcept;

struct migration_row {
  std::int32_t version = 0;
  std::string name;
  migration_state state = migration_state::pending;
};

struct database_status {
  std::string database;
  std::vector<migration_row> migrations; ///< ascending by version
};

/// Brings every database to this program's schema, each migration in a transaction of its own, under
/// an advisory lock per database: several may run it at once. The first run also fixes the number of
/// shards of each family (`counts`, else the family's default) and spreads them over the databases; a
/// later run with other counts is an error. Databases added at run time are brought along. Errors: `storage_unavailable` when a database cannot be
/// reached or is locked by another migration for a minute; `internal` with what is wrong otherwise.
result<std::vector<database_status>> migrate_up(std::span<const database_address> databases,
                                                std::span<const family_shard_count> counts = {});

/// What is applied and what is not, in databases added at run time, too; changes nothing.
result<std::vector<database_status>> migration_status(std::span<const database_address> databases);

/// Refuses databases whose schema is older, newer or otherwise not this program's.
result<void> check_schema(std::span<const database_address> databases);

} // namespace troupe
