#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/family.hpp"
#include "persistence/database_set.hpp"

namespace troupe {

struct planned_move {
  shard_ref ref;
  std::string source;
  std::string target;

  bool operator==(const planned_move&) const = default;
};

/// The fewest moves after which each of `active` has its fair share of every family, and no other database
/// has any shard. Who has more than others keeps the one too many. None when `active` is empty.
std::vector<planned_move> plan_rebalance(std::span<const shard_home> homes,
                                         std::span<const std::string> active);

} // namespace troupe
