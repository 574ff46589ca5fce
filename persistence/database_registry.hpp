#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/family.hpp"
#include "persistence/database_set.hpp"
#include "persistence/migrations.hpp"

// The databases of a cluster as operators see and change them, while nodes run. Every function blocks; for
// the command line. The first of `configured` is the control database, which keeps the list. Errors:
// `storage_unavailable`, `precondition_failed` for what does not fit, `internal`; the details never hold a
// DSN.

namespace troupe {

struct known_database {
  database_address address;
  bool configured = false;
  bool draining = false; ///< gets no more shards
};

/// The configured ones, then those added at run time.
result<std::vector<known_database>> known_databases(std::span<const database_address> configured);

/// Migrates the database of `added`, which must hold no shard of anybody yet, and makes it known to all
/// nodes. For a known one (`dsn` empty): it gets shards again.
result<void> add_database(std::span<const database_address> configured,
                          const database_address& added);

/// From now on it gets no more shards.
result<void> drain_database(std::span<const database_address> configured, const std::string& name);

/// Forgets a database that was added at run time and has no shards left; nothing for a configured one.
result<void> forget_database(std::span<const database_address> configured, const std::string& name);

/// Where every shard lives; the control database's answer.
result<std::vector<shard_home>> shard_homes(std::span<const database_address> configured);

struct database_usage {
  bool reachable = false;
  std::int64_t bytes = 0;
  std::map<family, std::size_t> shards; ///< that have their home there
};

/// In the order of `databases`. Fails only when the control database, the first one, cannot be read.
result<std::vector<database_usage>> usage_of(std::span<const known_database> databases);

} // namespace troupe
