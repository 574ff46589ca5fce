#pragma once

#include <atomic>
#include <chrono>

namespace troupe {

/// Until when a node may answer from memory. One per node: membership extends it, every shard actor asks
/// it before it answers without the database. Counted on the monotonic clock; safe from any thread.
///
/// It makes stale answers rare and short; it never makes a write correct, the fence does.
class node_lease {
public:
  using clock = std::chrono::steady_clock;

  bool valid(clock::time_point now = clock::now()) const noexcept {
    return now < clock::time_point{clock::duration{until_.load(std::memory_order_relaxed)}};
  }

  /// Never shortens it.
  void extend(clock::time_point until) noexcept {
    auto next = until.time_since_epoch().count();
    auto seen = until_.load(std::memory_order_relaxed);
    while (seen < next && !ended_.load(std::memory_order_relaxed) &&
           !until_.compare_exchange_weak(seen, next, std::memory_order_relaxed)) {}
  }

  /// For good: the node was declared dead or has left.
  void end() noexcept {
    ended_.store(true, std::memory_order_relaxed);
    until_.store(clock::duration::min().count(), std::memory_order_relaxed);
  }

private:
  std::atomic<clock::rep> until_{clock::duration::min().count()};
  std::atomic<bool> ended_{false};
};

} // namespace troupe
