#include "actors/cluster/shard_table.hpp"

#include <mutex>

namespace troupe {

shard_table::shard_table(const std::array<std::uint32_t, families.size()>& counts,
                         const shard_board& board)
  : board_(board) {
  for (std::size_t f = 0; f < families.size(); ++f) slots_[f].resize(counts[f]);
}

shard_route shard_table::locate(shard_ref ref) const {
  const auto state = board_.at(ref).state.load(std::memory_order_relaxed);
  const bool here = state == shard_state::acquiring || state == shard_state::loading ||
                    state == shard_state::active;
  std::shared_lock lock{mutex_};
  const auto& found = at(ref);
  if (here && found.actor) return {found.actor, found.proxy};
  return {found.proxy, nullptr};
}

std::uint32_t shard_table::shard_count(family fam) const noexcept {
  return static_cast<std::uint32_t>(slots_[static_cast<std::size_t>(fam)].size());
}

void shard_table::place(shard_ref ref, caf::strong_actor_ptr actor) {
  std::unique_lock lock{mutex_};
  at(ref).actor = std::move(actor);
}

void shard_table::connect(shard_ref ref, caf::strong_actor_ptr proxy) {
  std::unique_lock lock{mutex_};
  at(ref).proxy = std::move(proxy);
}

caf::strong_actor_ptr shard_table::local(shard_ref ref) const {
  std::shared_lock lock{mutex_};
  return at(ref).actor;
}

void shard_table::clear() {
  std::unique_lock lock{mutex_};
  for (auto& list : slots_)
    for (auto& one : list) one = {};
}

} // namespace troupe
