#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "actors/shard/shard_state.hpp"
#include "base/family.hpp"

namespace troupe {

/// Where every shard of this node stands, for readiness and the operations port. One per node; each shard
/// actor writes its own entry, every thread may read.
class shard_board {
public:
  struct entry {
    std::atomic<shard_state> state{shard_state::unowned};
    std::atomic<std::int64_t> epoch{0};
    std::atomic<std::uint64_t> hot_bytes{0};
    std::atomic<std::uint32_t> waiting{0}; ///< requests that wait for a load, a write or their turn
  };

  /// `counts` by family, in the order of `families`.
  explicit shard_board(const std::array<std::uint32_t, families.size()>& counts) {
    for (std::size_t f = 0; f < families.size(); ++f) entries_[f] = std::vector<entry>(counts[f]);
  }

  entry& at(shard_ref ref) noexcept {
    return entries_[static_cast<std::size_t>(ref.fam)][static_cast<std::size_t>(ref.shard)];
  }
  const entry& at(shard_ref ref) const noexcept { return const_cast<shard_board*>(this)->at(ref); }
  const std::vector<entry>& of(family fam) const noexcept {
    return entries_[static_cast<std::size_t>(fam)];
  }

  std::size_t count(shard_state wanted) const noexcept {
    std::size_t found = 0;
    for (const auto& list : entries_)
      for (const auto& e : list) found += e.state.load(std::memory_order_relaxed) == wanted;
    return found;
  }
  std::size_t size() const noexcept {
    std::size_t total = 0;
    for (const auto& list : entries_) total += list.size();
    return total;
  }
  std::uint64_t hot_bytes() const noexcept {
    std::uint64_t total = 0;
    for (const auto& list : entries_)
      for (const auto& e : list) total += e.hot_bytes.load(std::memory_order_relaxed);
    return total;
  }

private:
  std::array<std::vector<entry>, families.size()> entries_;
};

} // namespace troupe
