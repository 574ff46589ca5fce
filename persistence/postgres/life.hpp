#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>

// What the threads of a database_set share with it.

namespace troupe::postgres {

/// Whether one lane or reader has its connection, and since when. Written by it, read by any thread.
class link_health {
public:
  using clock = std::chrono::steady_clock;

  void set(bool up) noexcept {
    if (up_.exchange(up) != up) since_.store(clock::now().time_since_epoch().count());
  }
  bool up() const noexcept { return up_.load(); }
  clock::time_point since() const noexcept {
    return clock::time_point{clock::duration{since_.load()}};
  }

private:
  std::atomic<bool> up_{false};
  std::atomic<clock::rep> since_{clock::now().time_since_epoch().count()};
};

/// Counts actors that have not ended, so that a stop can wait for them with a limit.
class running_actors {
public:
  /// Held in an actor's state: leaves when the actor has ended.
  class presence {
  public:
    explicit presence(std::shared_ptr<running_actors> of) : of_(std::move(of)) {
      std::lock_guard lock{of_->mutex_};
      ++of_->count_;
    }
    ~presence() {
      {
        std::lock_guard lock{of_->mutex_};
        --of_->count_;
      }
      of_->changed_.notify_all();
    }
    presence(const presence&) = delete;
    presence& operator=(const presence&) = delete;

  private:
    std::shared_ptr<running_actors> of_;
  };

  /// False when some are still there after `limit`.
  bool wait(std::chrono::milliseconds limit) {
    std::unique_lock lock{mutex_};
    return changed_.wait_for(lock, limit, [this] { return count_ == 0; });
  }

private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::uint32_t count_ = 0;
};

} // namespace troupe::postgres
