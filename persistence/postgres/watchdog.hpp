#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <thread>

namespace troupe::postgres {

/// Cuts sockets whose owner has waited too long, so that a server that neither answers nor closes can
/// hold no thread for ever: the blocked call then fails as for any lost connection. One per process,
/// with one thread; safe to use from any thread; outlives its users.
class watchdog {
public:
  using clock = std::chrono::steady_clock;

  watchdog();
  ~watchdog();
  watchdog(const watchdog&) = delete;
  watchdog& operator=(const watchdog&) = delete;

  /// While it lives, its socket is shut down (not closed) at the deadline. The socket must stay open
  /// until it is gone.
  class guard {
  public:
    guard(watchdog& owner, int socket, clock::time_point deadline);
    ~guard();
    guard(const guard&) = delete;
    guard& operator=(const guard&) = delete;

  private:
    watchdog& owner_;
    std::multimap<clock::time_point, int>::iterator entry_;
  };

private:
  void run();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::multimap<clock::time_point, int> watched_; ///< deadline -> socket, -1 once it was cut
  bool stopping_ = false;
  std::thread thread_;
};

} // namespace troupe::postgres
