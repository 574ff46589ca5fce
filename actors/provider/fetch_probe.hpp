#pragma once

#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "actors/provider/messages.hpp"
#include "base/metrics.hpp"

namespace troupe {

/// Metrics of the providers of one shard and their fetches, by id and name. They are told by the node that owns
/// the shard and by no other: an alarm on what a former owner last knew would be false. For one thread at a
/// time.
class fetch_probe {
public:
  explicit fetch_probe(metric_registry& metrics);

  /// A provider that there is, and when a fetch last succeeded. Again when its name may have changed.
  void known(const uuid& id, const std::string& name, std::optional<timestamp> succeeded_at);
  /// Of one that is known.
  void ended(const uuid& id, const end_fetch& how);
  void forget(const uuid& id);
  void forget_all();

private:
  struct series {
    std::string name;
    std::vector<prometheus::Counter*> fetches;
    std::vector<prometheus::Counter*> events;
    prometheus::Gauge* success = nullptr; ///< none: no fetch has succeeded yet
  };
  static prometheus::Labels labels(const uuid& id, const series& of);
  void succeeded(const uuid& id, series& of, timestamp at);
  void remove(const series& gone);

  prometheus::Family<prometheus::Counter>& fetches_;
  prometheus::Family<prometheus::Counter>& events_;
  prometheus::Family<prometheus::Gauge>& success_;
  std::unordered_map<uuid, series> providers_;
};

} // namespace troupe
