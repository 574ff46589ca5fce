#include "actors/cluster/shard_table.hpp"

#include <mutex>

namespace troupe {

shard_table::shard_table(const std::array<std::uint32_t, families.size()>& counts) {
  for (std::size_t f = 0; f < families.size(); ++f) actors_[f].resize(counts[f]);
}

result<caf::strong_actor_ptr> shard_table::locate(shard_ref ref) const {
  std::shared_lock lock{mutex_};
  const auto& actor =
    actors_[static_cast<std::size_t>(ref.fam)][static_cast<std::size_t>(ref.shard)];
  if (!actor) return std::unexpected(failure{errc::shard_unavailable, {}, {}, 1});
  return actor;
}

std::uint32_t shard_table::shard_count(family fam) const noexcept {
  return static_cast<std::uint32_t>(actors_[static_cast<std::size_t>(fam)].size());
}

void shard_table::place(shard_ref ref, caf::strong_actor_ptr actor) {
  std::unique_lock lock{mutex_};
  actors_[static_cast<std::size_t>(ref.fam)][static_cast<std::size_t>(ref.shard)] = std::move(
    actor);
}

void shard_table::clear() {
  std::unique_lock lock{mutex_};
  for (auto& list : actors_)
    for (auto& actor : list) actor = nullptr;
}

} // namespace troupe
