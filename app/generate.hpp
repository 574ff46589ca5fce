#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

#include "base/error.hpp"
#include "persistence/migrations.hpp"

// `troupe generate`: fills the databases of a cluster that holds nothing yet with a world to try
// things on, and writes the log-ins it made to two files. The same seed, counts and databases give
// the same rows; only the salt of the one password hash they share differs.

namespace troupe {

struct generate_options {
  std::uint64_t players = 1'000; ///< up to `max_generated_players`
  std::uint32_t studios = 10;    ///< up to `max_generated_studios`
  std::uint64_t seed = 1;
  std::filesystem::path out = ".";          ///< an existing folder for players.csv and users.csv
  std::string password = "demo-password";   ///< of every account
  std::uint64_t password_ops_limit = 2;     ///< Argon2id passes, as auth.password_ops_limit
  std::uint64_t password_memory = 64 << 20; ///< in bytes, as auth.password_memory
  bool quiet = false;                       ///< no progress on standard error
};

inline constexpr std::uint64_t max_generated_players = 50'000'000;
inline constexpr std::uint32_t max_generated_studios = 10'000;

struct generate_report {
  std::uint64_t players = 0;
  std::uint64_t registrations = 0;
  std::uint32_t studios = 0;
  std::uint32_t games = 0;
  double seconds = 0; ///< from the start to the files in place
  std::filesystem::path players_file;
  std::filesystem::path users_file;
};

/// Generates all of it, or nothing: each database is filled in one transaction that takes the fence
/// of every shard, and what a run that was interrupted between two commits has left is removed by
/// the next one. `databases` are those of the configuration, migrated. Blocks; call from a plain
/// thread.
///
/// Errors: `invalid_field` for options out of bounds or a folder that cannot be written;
/// `shard_unavailable` when a server is running on the databases, or another run of this;
/// `precondition_failed` when they hold data already; `storage_unavailable`; `internal`. The
/// details are for the operator.
result<generate_report> generate(std::span<const database_address> databases,
                                 const generate_options& options);

} // namespace troupe
