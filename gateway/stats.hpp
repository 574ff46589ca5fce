#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string_view>
#include <vector>

#include <prometheus/collectable.h>

#include "gateway/bridge.hpp"
#include "gateway/http/server.hpp"

namespace troupe::gateway {

/// What one gateway thread counted. Written by that thread only, without locks or atomic additions;
/// read by whoever collects metrics.
class thread_stats {
public:
  /// `routes`: how many are counted apart; the last one is for requests that match none.
  explicit thread_stats(std::size_t routes);

  void answered(std::size_t route, std::uint16_t status, std::chrono::nanoseconds took) noexcept;

  void token_cache(std::uint64_t hits, std::uint64_t misses) noexcept {
    token_hits_.store(hits, std::memory_order_relaxed);
    token_misses_.store(misses, std::memory_order_relaxed);
  }
  void replay_found() noexcept { add(replays_found_); }

private:
  friend class gateway_probe;

  static constexpr std::array<std::uint16_t, 22> statuses{200, 201, 204, 303, 304, 400, 401, 403,
                                                          404, 405, 406, 408, 409, 412, 413, 415,
                                                          422, 429, 431, 500, 503, 0};
  static constexpr std::size_t bucket_count = 17; ///< those of `latency_buckets` and +Inf

  using counter = std::atomic<std::uint64_t>;
  static void add(counter& c, std::uint64_t by = 1) noexcept {
    c.store(c.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
  }

  struct route_stats {
    std::array<counter, statuses.size()> by_status{};
    std::array<counter, bucket_count> buckets{};
    counter nanoseconds{0};
  };

  std::unique_ptr<route_stats[]> routes_;
  counter token_hits_{0};
  counter token_misses_{0};
  counter replays_found_{0};
};

/// The gateway's metrics: sums over its threads at the moment of asking. One per gateway.
class gateway_probe final : public prometheus::Collectable {
public:
  explicit gateway_probe(std::vector<std::string_view> route_names)
    : route_names_(std::move(route_names)) {}

  /// Both stay valid until `detach`.
  void attach(const thread_stats& stats, const bridge& to);
  void detach(const thread_stats& stats);
  void attach_server(const http::server* given);

  std::vector<prometheus::MetricFamily> Collect() const override;

private:
  struct thread {
    const thread_stats* stats;
    const bridge* to;
  };

  std::vector<std::string_view> route_names_;
  mutable std::mutex mutex_;
  std::vector<thread> threads_;
  const http::server* server_ = nullptr;
};

} // namespace troupe::gateway
