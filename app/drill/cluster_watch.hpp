#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "app/drill/cluster_file.hpp"
#include "app/drill/history.hpp"

namespace troupe::drill {

/// What a node says of its shards.
struct node_shards {
  std::string incarnation;
  std::set<std::string> active; ///< "player/17"
  std::size_t all = 0;          ///< shards of the cluster
};

/// A drill's look at the nodes, by their operations ports and log files. Blocks; for one thread.
class cluster_watch {
public:
  explicit cluster_watch(const cluster_file& cluster) : cluster_(cluster) {}

  /// Error: it does not answer.
  result<node_shards> shards_of(std::size_t node) const;
  bool ready(std::size_t node) const;
  /// Whether the nodes but `without` serve every shard, between them.
  bool all_served(std::size_t without) const;
  /// Every node ready, every shard served.
  bool well() const;
  /// Whether the node's process runs, sleeping or not.
  static bool runs(int pid);

  /// Every transition in the nodes' logs, in the order of their times.
  result<std::vector<transition>> transitions() const;

private:
  const cluster_file& cluster_;
};

/// Waits until `reached`, looking every few milliseconds; false when it was not within `limit`.
template <class Condition>
bool wait_for(std::chrono::milliseconds limit, Condition reached);

} // namespace troupe::drill

#include <thread>

namespace troupe::drill {

template <class Condition>
bool wait_for(std::chrono::milliseconds limit, Condition reached) {
  const auto deadline = clock::now() + limit;
  while (!reached()) {
    if (clock::now() >= deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds{20});
  }
  return true;
}

} // namespace troupe::drill
