#include "gateway/stats.hpp"

#include <algorithm>
#include <string>

#include "base/metrics.hpp"

namespace troupe::gateway {

thread_stats::thread_stats(std::size_t routes) : routes_(std::make_unique<route_stats[]>(routes)) {}

void thread_stats::answered(std::size_t route, std::uint16_t status,
                            std::chrono::nanoseconds took) noexcept {
  auto& stats = routes_[route];
  auto at = static_cast<std::size_t>(std::ranges::find(statuses, status) - statuses.begin());
  add(stats.by_status[std::min(at, statuses.size() - 1)]);
  auto seconds = static_cast<double>(took.count()) * 1e-9;
  auto bucket = static_cast<std::size_t>(std::ranges::lower_bound(latency_buckets, seconds) -
                                         latency_buckets.begin());
  add(stats.buckets[std::min(bucket, bucket_count - 1)]);
  add(stats.nanoseconds, static_cast<std::uint64_t>(took.count()));
}

void gateway_probe::attach(const thread_stats& stats, const bridge& to) {
  std::lock_guard lock{mutex_};
  threads_.push_back({&stats, &to});
}

void gateway_probe::detach(const thread_stats& stats) {
  std::lock_guard lock{mutex_};
  std::erase_if(threads_, [&](const thread& t) { return t.stats == &stats; });
}

void gateway_probe::attach_server(const http::server* given) {
  std::lock_guard lock{mutex_};
  server_ = given;
}

std::vector<prometheus::MetricFamily> gateway_probe::Collect() const {
  using prometheus::ClientMetric;
  using prometheus::MetricFamily;
  using prometheus::MetricType;
  std::lock_guard lock{mutex_};
  auto get = [](const thread_stats::counter& c) { return c.load(std::memory_order_relaxed); };

  std::vector<MetricFamily> out;
  auto family = [&](std::string name, std::string help, MetricType type) -> MetricFamily& {
    auto& added = out.emplace_back();
    added.name = std::move(name);
    added.help = std::move(help);
    added.type = type;
    return added;
  };
  auto single = [&](std::string name, std::string help, MetricType type, double value) {
    auto& metric = family(std::move(name), std::move(help), type).metric.emplace_back();
    if (type == MetricType::Counter)
      metric.counter.value = value;
    else
      metric.gauge.value = value;
  };

  MetricFamily requests{"troupe_http_requests_total",
                        "Answered requests by route and status.",
                        MetricType::Counter,
                        {}};
  MetricFamily latency{"troupe_http_request_seconds",
                       "From the complete request to its answer, by route.",
                       MetricType::Histogram,
                       {}};
  for (std::size_t route = 0; route < route_names_.size(); ++route) {
    std::string name{route_names_[route]};
    std::array<std::uint64_t, thread_stats::bucket_count> buckets{};
    std::uint64_t nanoseconds = 0;
    for (std::size_t s = 0; s < thread_stats::statuses.size(); ++s) {
      std::uint64_t sum = 0;
      for (const auto& t : threads_) sum += get(t.stats->routes_[route].by_status[s]);
      if (sum == 0) continue;
      ClientMetric metric;
      auto status = thread_stats::statuses[s];
      metric.label = {{"route", name}, {"status", status ? std::to_string(status) : "other"}};
      metric.counter.value = static_cast<double>(sum);
      requests.metric.push_back(std::move(metric));
    }
    for (const auto& t : threads_) {
      for (std::size_t b = 0; b < buckets.size(); ++b)
        buckets[b] += get(t.stats->routes_[route].buckets[b]);
      nanoseconds += get(t.stats->routes_[route].nanoseconds);
    }
    ClientMetric metric;
    metric.label = {{"route", name}};
    std::uint64_t below = 0;
    for (std::size_t b = 0; b < buckets.size(); ++b) {
      below += buckets[b];
      metric.histogram.bucket.push_back({below, b < latency_buckets.size()
                                                  ? latency_buckets[b]
                                                  : std::numeric_limits<double>::infinity()});
    }
    if (below == 0) continue;
    metric.histogram.sample_count = below;
    metric.histogram.sample_sum = static_cast<double>(nanoseconds) * 1e-9;
    latency.metric.push_back(std::move(metric));
  }
  out.push_back(std::move(requests));
  out.push_back(std::move(latency));

  double pending = 0, late = 0, timed_out = 0, hits = 0, misses = 0, replays = 0;
  for (const auto& t : threads_) {
    pending += t.to->pending_count();
    late += static_cast<double>(t.to->late_answers());
    timed_out += static_cast<double>(t.to->timed_out());
    hits += static_cast<double>(get(t.stats->token_hits_));
    misses += static_cast<double>(get(t.stats->token_misses_));
    replays += static_cast<double>(get(t.stats->replays_found_));
  }
  single("troupe_bridge_pending", "Requests of the gateway that wait for an actor.",
         MetricType::Gauge, pending);
  single("troupe_bridge_late_answers_total", "Answers of actors that came after their deadline.",
         MetricType::Counter, late);
  single("troupe_bridge_timeouts_total", "Requests to actors that had no answer in time.",
         MetricType::Counter, timed_out);
  single("troupe_token_cache_hits_total", "Access tokens that had been checked before.",
         MetricType::Counter, hits);
  single("troupe_token_cache_misses_total", "Access tokens that had to be checked in full.",
         MetricType::Counter, misses);
  single("troupe_replays_from_cache_total", "Repeated requests answered from Redis.",
         MetricType::Counter, replays);
  if (server_) {
    auto counts = server_->counts();
    auto counter = [&](std::string name, std::string help, std::uint64_t value) {
      single(std::move(name), std::move(help), MetricType::Counter, static_cast<double>(value));
    };
    single("troupe_http_connections", "Open connections of the public port.", MetricType::Gauge,
           static_cast<double>(counts.open));
    counter("troupe_http_connections_accepted_total", "Connections accepted.", counts.accepted);
    counter("troupe_http_connections_rejected_total", "Connections over a bound, answered 503.",
            counts.rejected);
    counter("troupe_http_malformed_total", "Requests that could not be read.", counts.malformed);
    counter("troupe_http_timeouts_total", "Requests that did not arrive in time.",
            counts.timed_out);
    counter("troupe_http_tls_failed_total", "TLS handshakes that failed.", counts.tls_failed);
    counter("troupe_http_received_bytes_total", "Bytes read.", counts.bytes_in);
    counter("troupe_http_sent_bytes_total", "Bytes written.", counts.bytes_out);
  }
  return out;
}

} // namespace troupe::gateway
