#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "actors/api/interfaces.hpp"
#include "base/credits.hpp"
#include "base/error.hpp"

namespace troupe {

/// The node's password workers and the bound on passwords waiting for them. One per node; any
/// thread may use it. `actors/password/worker.hpp` makes it.
class password_pool {
public:
  /// A place in a worker's queue. Keep it until the answer is there; then it is free again.
  class place {
  public:
    place() = default;
    place(password_actor worker, std::shared_ptr<credits> queue)
      : worker_(std::move(worker)), queue_(std::move(queue)) {}
    place(place&& other) noexcept = default;
    place& operator=(place&& other) noexcept {
      leave();
      worker_ = std::move(other.worker_);
      queue_ = std::move(other.queue_);
      return *this;
    }
    ~place() { leave(); }

    const password_actor& worker() const noexcept { return worker_; }

  private:
    void leave() noexcept {
      if (queue_) queue_->give_back();
      queue_.reset();
    }

    password_actor worker_;
    std::shared_ptr<credits> queue_;
  };

  /// `queue`: passwords under way to all workers together, at most.
  password_pool(std::vector<password_actor> workers, std::uint32_t queue);

  /// A place at the worker with the shortest queue. Errors: `overloaded`, with a time to retry
  /// after.
  result<place> take();

  const std::vector<password_actor>& workers() const noexcept { return workers_; }

private:
  std::vector<password_actor> workers_;
  std::vector<std::shared_ptr<credits>> queues_; ///< one per worker
  std::atomic<std::uint32_t> next_{0};
};

} // namespace troupe
