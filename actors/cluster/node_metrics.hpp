#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <vector>

#include <prometheus/collectable.h>

#include "actors/cluster/remote/interconnect.hpp"
#include "actors/shard/shard_board.hpp"
#include "base/metrics.hpp"

namespace troupe {

/// Shows what board and interconnect know, at the moment somebody asks. Any thread.
class node_metrics final : public prometheus::Collectable {
public:
  /// Both outlive it.
  node_metrics(const shard_board& board, const remote::interconnect& links)
    : board_(board), links_(links) {}

  std::vector<prometheus::MetricFamily> Collect() const override;

private:
  const shard_board& board_;
  const remote::interconnect& links_;
};

/// Counts transitions of shards, and how long they take to come to life. Used by every shard actor.
class transition_probe {
public:
  explicit transition_probe(metric_registry& registry, const shard_board& board);

  /// `ref` has entered `state`; called by its actor.
  void entered(shard_ref ref, shard_state state);

private:
  using clock = std::chrono::steady_clock;

  prometheus::Family<prometheus::Counter>& transitions_;
  prometheus::Histogram& starting_;
  std::array<std::vector<clock::time_point>, families.size()> acquiring_since_;
};

} // namespace troupe
