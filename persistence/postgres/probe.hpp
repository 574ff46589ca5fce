#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "base/metrics.hpp"
#include "persistence/write_unit.hpp"

namespace troupe::postgres {

/// The metrics of one writer lane. Safe from any thread.
class writer_probe {
public:
  writer_probe(metric_registry& registry, const std::string& database, std::uint32_t lane);

  void batch_committed(std::size_t units, std::chrono::nanoseconds took);
  void unit_settled(write_status status);
  void connected() { connects_.Increment(); }
  void commit_in_doubt(std::size_t units);
  /// Units sent to the lane that are not settled.
  void mailbox(std::size_t units);
  /// The age of the oldest unit of a batch that begins.
  void batch_began(std::chrono::nanoseconds oldest);

private:
  prometheus::Histogram& batch_units_;
  prometheus::Histogram& batch_seconds_;
  prometheus::Counter& committed_;
  prometheus::Counter& duplicate_;
  prometheus::Counter& fenced_;
  prometheus::Counter& refused_;
  prometheus::Counter& connects_;
  prometheus::Counter& doubts_;
  prometheus::Counter& doubtful_units_;
  prometheus::Gauge& queue_units_;
  prometheus::Gauge& oldest_seconds_;
};

/// The metrics of one reader. Safe from any thread.
class reader_probe {
public:
  reader_probe(metric_registry& registry, const std::string& database, std::uint32_t reader);

  void batch_read(std::size_t requests, std::chrono::nanoseconds took);
  void connected() { connects_.Increment(); }
  void request_failed(std::size_t requests);
  void queue(std::size_t requests);

private:
  prometheus::Histogram& batch_requests_;
  prometheus::Histogram& batch_seconds_;
  prometheus::Counter& connects_;
  prometheus::Counter& failed_;
  prometheus::Gauge& queue_requests_;
};

} // namespace troupe::postgres
