#pragma once

#include <span>
#include <vector>

#include "app/exit_code.hpp"
#include "persistence/database_registry.hpp"
#include "persistence/rebalance.hpp"

namespace troupe {

struct move_options {
  bool dry_run = false;
  bool json = false;
};

std::vector<database_address> addresses_of(std::span<const known_database> databases);

/// Settles what earlier movers left, then moves one shard after the other. Progress goes to standard error,
/// a summary to standard output. An interrupt ends it behind the shard that is on its way; the same command
/// goes on from there.
exit_code run_moves(std::span<const known_database> databases, std::span<const planned_move> moves,
                    const move_options& options);

} // namespace troupe
