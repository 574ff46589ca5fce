#pragma once

#include <atomic>
#include <cstdint>

namespace troupe {

/// A bound on work under way towards one receiver whose mailbox has none. Whoever sends takes a
/// credit first and gives it back when the answer is there. Safe from any thread.
class credits {
public:
  explicit credits(std::uint32_t limit) noexcept : limit_(limit) {}

  /// False over the limit: answer `overloaded` instead of sending.
  bool try_take() noexcept {
    if (taken_.fetch_add(1, std::memory_order_relaxed) < limit_) return true;
    taken_.fetch_sub(1, std::memory_order_relaxed);
    return false;
  }

  void give_back(std::uint32_t count = 1) noexcept {
    taken_.fetch_sub(count, std::memory_order_relaxed);
  }

  std::uint32_t taken() const noexcept { return taken_.load(std::memory_order_relaxed); }
  std::uint32_t limit() const noexcept { return limit_; }

private:
  std::atomic<std::uint32_t> taken_{0};
  std::uint32_t limit_;
};

} // namespace troupe
