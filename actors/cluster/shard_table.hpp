#pragma once

#include <array>
#include <shared_mutex>
#include <vector>

#include "actors/api/router.hpp"
#include "actors/shard/shard_board.hpp"

namespace troupe {

/// The router of a node: for each shard its actor on this node, if the node hosts the family, and the proxy
/// that takes requests to the owner wherever that is. Filled at start, then read by every thread.
class shard_table final : public router {
public:
  /// `counts` by family, in the order of `families`. `board` outlives the table.
  shard_table(const std::array<std::uint32_t, families.size()>& counts, const shard_board& board);

  shard_route locate(shard_ref ref) const override;
  std::uint32_t shard_count(family fam) const noexcept override;

  void place(shard_ref ref, caf::strong_actor_ptr actor);
  void connect(shard_ref ref, caf::strong_actor_ptr proxy);

  /// The shard's actor on this node, whether it owns the shard or not; null when there is none.
  caf::strong_actor_ptr local(shard_ref ref) const;

  /// Forgets every actor: from now on each shard is unavailable.
  void clear();

private:
  struct slot {
    caf::strong_actor_ptr actor;
    caf::strong_actor_ptr proxy;
  };

  slot& at(shard_ref ref) {
    return slots_[static_cast<std::size_t>(ref.fam)][static_cast<std::size_t>(ref.shard)];
  }
  const slot& at(shard_ref ref) const { return const_cast<shard_table*>(this)->at(ref); }

  const shard_board& board_;
  mutable std::shared_mutex mutex_;
  std::array<std::vector<slot>, families.size()> slots_;
};

} // namespace troupe
