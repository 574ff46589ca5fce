#pragma once

#include <array>
#include <shared_mutex>
#include <vector>

#include "actors/api/router.hpp"

namespace troupe {

/// The router of a node: for each shard the actor that answers for it. Filled at start by whoever
/// spawns the shard actors, then read by every thread.
class shard_table final : public router {
public:
  /// `counts` by family, in the order of `families`.
  explicit shard_table(const std::array<std::uint32_t, families.size()>& counts);

  result<caf::strong_actor_ptr> locate(shard_ref ref) const override;
  std::uint32_t shard_count(family fam) const noexcept override;

  void place(shard_ref ref, caf::strong_actor_ptr actor);

  /// Forgets every actor: from now on each shard is unavailable.
  void clear();

private:
  using slots = std::vector<caf::strong_actor_ptr>;

  mutable std::shared_mutex mutex_;
  std::array<slots, families.size()> actors_;
};

} // namespace troupe
