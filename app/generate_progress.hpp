#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>

namespace troupe::generation {

/// Shows on standard error how far a run is: a bar that moves on a terminal, a line every two
/// seconds elsewhere. Draws from a thread of its own. Owned by the run; workers count through
/// `add`.
class progress {
public:
  /// `total` steps stand for `players` players. Quiet: shows nothing.
  progress(std::uint64_t total, std::uint64_t players, bool quiet);
  ~progress();
  progress(const progress&) = delete;
  progress& operator=(const progress&) = delete;

  /// Safe from any thread.
  void add(std::uint64_t steps) noexcept { done_.fetch_add(steps, std::memory_order_relaxed); }

private:
  void draw(bool last);

  const std::uint64_t total_;
  const std::uint64_t players_;
  const bool terminal_;
  const std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
  std::atomic<std::uint64_t> done_{0};
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::jthread painter_;
};

/// 1234567 as `1,234,567`.
std::string with_commas(std::uint64_t number);

} // namespace troupe::generation
