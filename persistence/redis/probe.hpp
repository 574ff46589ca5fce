#pragma once

#include <chrono>
#include <cstddef>

#include "base/metrics.hpp"

namespace troupe {

/// The metrics of the Redis actors. Shared by both of a node; any thread.
class redis_probe {
public:
  explicit redis_probe(metric_registry& metrics);

  void commands_up(bool up) { commands_up_.Set(up ? 1 : 0); }
  void revocations_up(bool up) { revocations_up_.Set(up ? 1 : 0); }

  /// `operations` answered by one round trip of `commands` commands.
  void batch(std::size_t operations, std::size_t commands, std::chrono::duration<double> took) {
    operations_.Increment(static_cast<double>(operations));
    commands_.Increment(static_cast<double>(commands));
    batch_size_.Observe(static_cast<double>(operations));
    seconds_.Observe(took.count());
  }
  /// `operations` could not be answered.
  void failed(std::size_t operations) { errors_.Increment(static_cast<double>(operations)); }
  void connected() { connects_.Increment(); }

private:
  prometheus::Gauge& commands_up_;
  prometheus::Gauge& revocations_up_;
  prometheus::Counter& operations_;
  prometheus::Counter& commands_;
  prometheus::Counter& errors_;
  prometheus::Counter& connects_;
  prometheus::Histogram& batch_size_;
  prometheus::Histogram& seconds_;
};

} // namespace troupe
