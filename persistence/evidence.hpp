#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/error.hpp"
#include "base/uuid.hpp"
#include "persistence/migrations.hpp"

// What the databases hold, for checking after a drill. Every function blocks and reads all databases; for
// the command line. Errors: `storage_unavailable`, `internal`, with details for operators.

namespace troupe {

/// How often the ledgers of the player family's shards have each of these operations; those that none has
/// are left out.
result<std::unordered_map<uuid, std::uint64_t>> count_operations(
  std::span<const database_address> databases, std::span<const uuid> operations);

/// How many players that are not deleted have each of these names; those of nobody are left out.
result<std::unordered_map<std::string, std::uint64_t>> count_players_named(
  std::span<const database_address> databases, std::span<const std::string> names);

/// Shards and games whose counter is not the number of players that have the game, for people.
result<std::vector<std::string>> wrong_counters(std::span<const database_address> databases);

} // namespace troupe
