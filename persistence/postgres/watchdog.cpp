#include "persistence/postgres/watchdog.hpp"

#include <algorithm>
#include <sys/socket.h>

#include "base/log.hpp"

namespace troupe::postgres {

watchdog::watchdog() : thread_([this] { run(); }) {}

watchdog::~watchdog() {
  {
    std::lock_guard lock{mutex_};
    stopping_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

watchdog::guard::guard(watchdog& owner, int socket, clock::time_point deadline) : owner_(owner) {
  bool earliest = false;
  {
    std::lock_guard lock{owner_.mutex_};
    entry_ = owner_.watched_.emplace(deadline, socket);
    earliest = entry_ == owner_.watched_.begin();
  }
  // Deadlines mostly come in ascending order, so this wakes the thread for the first of a busy time.
  if (earliest) owner_.changed_.notify_one();
}

watchdog::guard::~guard() {
  std::lock_guard lock{owner_.mutex_};
  owner_.watched_.erase(entry_);
}

void watchdog::run() {
  std::unique_lock lock{mutex_};
  while (!stopping_) {
    const auto due = std::ranges::find_if(watched_, [](const auto& e) { return e.second >= 0; });
    if (due == watched_.end()) {
      changed_.wait(lock);
      continue;
    }
    if (clock::now() < due->first) {
      const auto deadline = due->first;
      changed_.wait_until(lock, deadline);
      continue;
    }
    // Under the lock: its owner cannot end the guard, and so not close the socket, meanwhile.
    ::shutdown(due->second, SHUT_RDWR);
    due->second = -1;
    log::warn("postgres", "round_trip_cut");
  }
}

} // namespace troupe::postgres
