#include "actors/cluster/node_metrics.hpp"

#include <string>
#include <utility>

namespace troupe {

namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using labels = std::vector<ClientMetric::Label>;

void add(MetricFamily& to, labels names, double value) {
  ClientMetric metric;
  metric.label = std::move(names);
  if (to.type == MetricType::Counter)
    metric.counter.value = value;
  else
    metric.gauge.value = value;
  to.metric.push_back(std::move(metric));
}

void add_shards(const shard_board& board, std::vector<MetricFamily>& all) {
  MetricFamily states{"troupe_shards",
                      "Shards of this node by family and state",
                      MetricType::Gauge,
                      {}};
  MetricFamily bytes{"troupe_hot_bytes",
                     "Hot state in memory by family, in bytes",
                     MetricType::Gauge,
                     {}};
  MetricFamily waiting{"troupe_shard_waiting",
                       "Requests in line at shard actors by family",
                       MetricType::Gauge,
                       {}};
  for (const auto& info : families) {
    std::array<std::uint32_t, shard_state_count> by_state{};
    double hot = 0;
    double line = 0;
    for (const auto& e : board.of(info.id)) {
      ++by_state[static_cast<std::size_t>(e.state.load(std::memory_order_relaxed))];
      hot += static_cast<double>(e.hot_bytes.load(std::memory_order_relaxed));
      line += e.waiting.load(std::memory_order_relaxed);
    }
    const ClientMetric::Label family{"family", std::string{info.name}};
    for (std::size_t s = 0; s < by_state.size(); ++s)
      add(states, {family, {"state", std::string{to_string(static_cast<shard_state>(s))}}},
          by_state[s]);
    add(bytes, {family}, hot);
    add(waiting, {family}, line);
  }
  all.insert(all.end(), {std::move(states), std::move(bytes), std::move(waiting)});
}

void add_links(const remote::interconnect::status& now, std::vector<MetricFamily>& all) {
  MetricFamily requests{"troupe_remote_requests_total",
                        "Requests that this node took to shards: sent to other nodes, tried again, "
                        "parked without an owner, refused over a bound, expired at their deadline",
                        MetricType::Counter,
                        {}};
  for (const auto& [result, count] :
       {std::pair{"sent", now.requests.sent}, std::pair{"retried", now.requests.retried},
        std::pair{"parked", now.requests.parked}, std::pair{"refused", now.requests.refused},
        std::pair{"expired", now.requests.expired}})
    add(requests, {{"result", result}}, static_cast<double>(count));
  MetricFamily entered{"troupe_gate_requests_total",
                       "Requests of other nodes: received, and of them refused for a reason",
                       MetricType::Counter,
                       {}};
  for (const auto& [result, count] :
       {std::pair{"received", now.entered.received}, std::pair{"malformed", now.entered.malformed},
        std::pair{"late", now.entered.late}, std::pair{"not_owner", now.entered.not_owner},
        std::pair{"refused", now.entered.refused}})
    add(entered, {{"result", result}}, static_cast<double>(count));
  MetricFamily waiting{"troupe_remote_requests_waiting",
                       "Requests that wait for an owner or a link now",
                       MetricType::Gauge,
                       {}};
  add(waiting, {}, now.requests.waiting);
  MetricFamily bytes{"troupe_link_bytes_total",
                     "Bytes of messages between nodes",
                     MetricType::Counter,
                     {}};
  add(bytes, {{"direction", "out"}}, static_cast<double>(now.bytes_out));
  add(bytes, {{"direction", "in"}}, static_cast<double>(now.bytes_in));
  MetricFamily up{"troupe_link_up",
                  "Whether there is a link to another node",
                  MetricType::Gauge,
                  {}};
  MetricFamily queued{"troupe_link_queued_bytes",
                      "Bytes that wait for another node",
                      MetricType::Gauge,
                      {}};
  for (const auto& peer : now.peers) {
    const ClientMetric::Label name{"peer", to_string(peer.node)};
    add(up, {name}, peer.up ? 1 : 0);
    add(queued, {name}, static_cast<double>(peer.queued));
  }
  MetricFamily failed{"troupe_link_handshakes_failed_total",
                      "Connections that did not become links",
                      MetricType::Counter,
                      {}};
  add(failed, {}, static_cast<double>(now.handshakes_failed));
  all.insert(all.end(), {std::move(requests), std::move(entered), std::move(waiting),
                         std::move(bytes), std::move(up), std::move(queued), std::move(failed)});
}

} // namespace

std::vector<MetricFamily> node_metrics::Collect() const {
  std::vector<MetricFamily> all;
  add_shards(board_, all);
  add_links(links_.current(), all);
  return all;
}

transition_probe::transition_probe(metric_registry& registry, const shard_board& board)
  : transitions_(prometheus::BuildCounter()
                   .Name("troupe_shard_transitions_total")
                   .Help("Times a shard of this node entered a state.")
                   .Register(registry)),
    starting_(prometheus::BuildHistogram()
                .Name("troupe_shard_start_seconds")
                .Help("From asking for a shard's fence until the shard serves here.")
                .Register(registry)
                .Add({}, latency_buckets)) {
  for (const auto& info : families)
    acquiring_since_[static_cast<std::size_t>(info.id)].resize(board.of(info.id).size());
}

void transition_probe::entered(shard_ref ref, shard_state state) {
  transitions_
    .Add({{"family", std::string{to_string(ref.fam)}}, {"state", std::string{to_string(state)}}})
    .Increment();
  auto& since =
    acquiring_since_[static_cast<std::size_t>(ref.fam)][static_cast<std::size_t>(ref.shard)];
  if (state == shard_state::acquiring) since = clock::now();
  if (state == shard_state::active)
    starting_.Observe(std::chrono::duration<double>(clock::now() - since).count());
}

} // namespace troupe
