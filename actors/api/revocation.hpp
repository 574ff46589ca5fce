#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <shared_mutex>
#include <span>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/uuid.hpp"

namespace troupe {

/// The sessions whose access tokens must not be accepted any more although they have not expired
/// yet. One per node: the guard adds, gateway threads read. An entry goes when every token of its
/// session has expired by itself. Any thread may call anything.
class revocation_set {
public:
  using clock = std::chrono::steady_clock;

  /// `limit`: sessions; beyond it the oldest entry goes first.
  explicit revocation_set(std::size_t limit = 100'000);

  /// Grows with every change that can turn a valid token invalid. Whoever remembers that a session
  /// was not revoked at this generation need not look again until it changes.
  std::uint64_t generation() const noexcept { return generation_.load(std::memory_order_acquire); }

  bool contains(const uuid& session_id) const;

  /// Adds sessions until `expires_at`; gives back how many were new.
  std::size_t add(std::span<const uuid> session_ids, clock::time_point expires_at);

  /// Drops what has expired. The guard calls it every second.
  void forget_expired(clock::time_point now);

  std::size_t size() const;
  /// Entries dropped before their time because the set was full.
  std::uint64_t overflows() const noexcept { return overflows_.load(std::memory_order_relaxed); }

private:
  std::size_t limit_;
  std::atomic<std::uint64_t> generation_{0};
  std::atomic<std::uint64_t> overflows_{0};
  mutable std::shared_mutex mutex_;
  std::unordered_set<uuid> ids_;
  std::deque<std::pair<clock::time_point, uuid>> order_; ///< as added
};

} // namespace troupe
