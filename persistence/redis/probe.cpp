#include "persistence/redis/probe.hpp"

namespace troupe {

namespace {

prometheus::Gauge& up_gauge(metric_registry& metrics, const char* connection) {
  return prometheus::BuildGauge()
    .Name("troupe_redis_up")
    .Help("1 while the connection to Redis stands")
    .Register(metrics)
    .Add({{"connection", connection}});
}

prometheus::Counter& counter(metric_registry& metrics, const char* name, const char* help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(metrics).Add({});
}

} // namespace

redis_probe::redis_probe(metric_registry& metrics)
  : commands_up_(up_gauge(metrics, "commands")),
    revocations_up_(up_gauge(metrics, "revocations")),
    operations_(counter(metrics, "troupe_redis_operations_total", "Operations answered by Redis")),
    commands_(counter(metrics, "troupe_redis_commands_total", "Commands answered by Redis")),
    errors_(counter(metrics, "troupe_redis_errors_total", "Operations that Redis did not answer")),
    connects_(counter(metrics, "troupe_redis_connects_total", "Connections made to Redis")),
    batch_size_(prometheus::BuildHistogram()
                  .Name("troupe_redis_batch_size")
                  .Help("Operations sent to Redis in one round trip")
                  .Register(metrics)
                  .Add({}, size_buckets)),
    seconds_(prometheus::BuildHistogram()
               .Name("troupe_redis_seconds")
               .Help("Time of one round trip to Redis")
               .Register(metrics)
               .Add({}, latency_buckets)) {}

} // namespace troupe
