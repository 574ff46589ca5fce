#include "persistence/postgres/probe.hpp"

namespace troupe::postgres {

namespace {

using labels = prometheus::Labels;

prometheus::Histogram& histogram(metric_registry& registry, const char* name, const char* help,
                                 const labels& of,
                                 const prometheus::Histogram::BucketBoundaries& buckets) {
  return prometheus::BuildHistogram().Name(name).Help(help).Register(registry).Add(of, buckets);
}
prometheus::Counter& counter(metric_registry& registry, const char* name, const char* help,
                             const labels& of) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry).Add(of);
}
prometheus::Gauge& gauge(metric_registry& registry, const char* name, const char* help,
                         const labels& of) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(registry).Add(of);
}

prometheus::Counter& units(metric_registry& registry, labels of, const char* status) {
  of.emplace("status", status);
  return counter(registry, "troupe_writer_units_total",
                 "Write units by what became of them: committed, duplicate, fenced or refused.",
                 of);
}

double seconds(std::chrono::nanoseconds t) { return std::chrono::duration<double>{t}.count(); }

labels lane_labels(const std::string& database, std::uint32_t lane) {
  return {{"database", database}, {"lane", std::to_string(lane)}};
}
labels reader_labels(const std::string& database, std::uint32_t reader) {
  return {{"database", database}, {"reader", std::to_string(reader)}};
}

} // namespace

writer_probe::writer_probe(metric_registry& r, const std::string& database, std::uint32_t lane)
  : batch_units_(histogram(r, "troupe_writer_batch_units",
                           "Write units that were committed in one transaction.",
                           lane_labels(database, lane), size_buckets)),
    batch_seconds_(histogram(r, "troupe_writer_batch_seconds",
                             "Time from the begin of a batch's transaction to its commit.",
                             lane_labels(database, lane), latency_buckets)),
    committed_(units(r, lane_labels(database, lane), "committed")),
    duplicate_(units(r, lane_labels(database, lane), "duplicate")),
    fenced_(units(r, lane_labels(database, lane), "fenced")),
    refused_(units(r, lane_labels(database, lane), "refused")),
    connects_(counter(r, "troupe_writer_connects_total", "Connections opened by writer lanes.",
                      lane_labels(database, lane))),
    doubts_(counter(r, "troupe_writer_ambiguous_commits_total",
                    "Transactions whose connection was lost after the commit was sent.",
                    lane_labels(database, lane))),
    doubtful_units_(counter(r, "troupe_writer_ambiguous_units_total",
                            "Write units in such transactions.", lane_labels(database, lane))),
    queue_units_(gauge(r, "troupe_writer_queue_units",
                       "Write units sent to a lane and not settled, when its last batch began.",
                       lane_labels(database, lane))),
    oldest_seconds_(gauge(r, "troupe_writer_oldest_unit_seconds",
                          "Age of the oldest unit a lane had when its last batch began.",
                          lane_labels(database, lane))) {}

void writer_probe::batch_committed(std::size_t count, std::chrono::nanoseconds took) {
  batch_units_.Observe(static_cast<double>(count));
  batch_seconds_.Observe(seconds(took));
}

void writer_probe::unit_settled(write_status status) {
  switch (status) {
    case write_status::committed: return committed_.Increment();
    case write_status::duplicate: return duplicate_.Increment();
    case write_status::fenced: return fenced_.Increment();
    case write_status::refused: return refused_.Increment();
  }
}

void writer_probe::commit_in_doubt(std::size_t count) {
  doubts_.Increment();
  doubtful_units_.Increment(static_cast<double>(count));
}

void writer_probe::mailbox(std::size_t count) { queue_units_.Set(static_cast<double>(count)); }

void writer_probe::batch_began(std::chrono::nanoseconds oldest) {
  oldest_seconds_.Set(seconds(oldest));
}

reader_probe::reader_probe(metric_registry& r, const std::string& database, std::uint32_t reader)
  : batch_requests_(histogram(r, "troupe_reader_batch_requests",
                              "Loads and lists that were read in one round trip.",
                              reader_labels(database, reader), size_buckets)),
    batch_seconds_(histogram(r, "troupe_reader_batch_seconds", "Time of one such round trip.",
                             reader_labels(database, reader), latency_buckets)),
    connects_(counter(r, "troupe_reader_connects_total", "Connections opened by readers.",
                      reader_labels(database, reader))),
    failed_(counter(r, "troupe_reader_failed_requests_total",
                    "Loads and lists that were answered with an error.",
                    reader_labels(database, reader))),
    queue_requests_(gauge(r, "troupe_reader_queue_requests",
                          "Requests sent to a reader and not answered, when it last read.",
                          reader_labels(database, reader))) {}

void reader_probe::batch_read(std::size_t requests, std::chrono::nanoseconds took) {
  batch_requests_.Observe(static_cast<double>(requests));
  batch_seconds_.Observe(seconds(took));
}

void reader_probe::request_failed(std::size_t requests) {
  failed_.Increment(static_cast<double>(requests));
}

void reader_probe::queue(std::size_t requests) {
  queue_requests_.Set(static_cast<double>(requests));
}

} // namespace troupe::postgres
