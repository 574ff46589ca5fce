#pragma once

#include <cstdint>
#include <optional>
#include <shared_mutex>
#include <unordered_map>
#include <vector>

#include "base/family.hpp"
#include "base/uuid.hpp"

namespace troupe::remote {

/// What this node knows of who owns which shard: hints, corrected by whoever knows a higher epoch. The
/// fences decide. One per node; safe from any thread.
class owner_directory {
public:
  struct entry {
    std::int64_t epoch = 0;
    uuid owner; ///< nil: nobody, as far as known
  };

  entry find(shard_ref ref) const {
    std::shared_lock lock{mutex_};
    const auto found = entries_.find(ref);
    return found == entries_.end() ? entry{} : found->second;
  }

  /// `owner` has the shard at `epoch`. True when that is news: nothing newer was known.
  bool own(shard_ref ref, std::int64_t epoch, const uuid& owner) {
    std::unique_lock lock{mutex_};
    auto& known = entries_[ref];
    if (epoch <= known.epoch) return false;
    known = {epoch, owner};
    return true;
  }

  /// Nobody has the shard since its tenure of `epoch` ended. True when that is news.
  bool give_up(shard_ref ref, std::int64_t epoch) {
    std::unique_lock lock{mutex_};
    auto& known = entries_[ref];
    if (epoch < known.epoch || (epoch == known.epoch && known.owner.is_nil())) return false;
    known = {epoch, {}};
    return true;
  }

  /// Forgets what `owner` has: it is gone. Gives those shards.
  std::vector<shard_ref> forget(const uuid& owner) {
    std::unique_lock lock{mutex_};
    std::vector<shard_ref> gone;
    for (auto& [ref, known] : entries_)
      if (known.owner == owner) {
        known.owner = {};
        gone.push_back(ref);
      }
    return gone;
  }

private:
  mutable std::shared_mutex mutex_;
  std::unordered_map<shard_ref, entry> entries_;
};

} // namespace troupe::remote
