#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/metrics.hpp"
#include "persistence/postgres/batch_writer.hpp"
#include "tests/persistence/postgres/test_database.hpp"

namespace troupe::test {

/// A lane without its actor: drives a batch_writer and keeps what it settled.
class test_lane {
public:
  using settled_unit = postgres::batch_writer::settled_unit;

  explicit test_lane(std::string dsn, database_limits limits = quick_limits(),
                     uuid incarnation = make_uuid_v7())
    : incarnation_(incarnation),
      writer_({std::move(dsn), "test/0", incarnation, limits, test_placement()}, dog_, probe_) {}

  static database_limits quick_limits() {
    database_limits limits;
    limits.connect_timeout = std::chrono::milliseconds{2'000};
    limits.unit_wait = std::chrono::milliseconds{20'000};
    limits.takeover_wait = std::chrono::milliseconds{300};
    limits.backoff_min = std::chrono::milliseconds{1};
    limits.backoff_max = std::chrono::milliseconds{20};
    return limits;
  }

  const uuid& incarnation() const noexcept { return incarnation_; }
  postgres::batch_writer& writer() noexcept { return writer_; }
  const metric_registry& metrics() const noexcept { return metrics_; }

  /// The new epoch, or 0: the fence was neither at `seen_epoch` nor this lane's own.
  std::int64_t acquire(shard_ref shard, std::int64_t seen_epoch = 0) {
    const auto number = writer_.acquire(shard, seen_epoch);
    run();
    const auto found = epochs_.find(number);
    return found == epochs_.end() ? 0 : found->second;
  }

  std::uint64_t write(write_unit unit) {
    return writer_.write(std::make_shared<const write_unit>(std::move(unit)));
  }

  /// Works until nothing is left to do. The pauses are those that the lane asks for.
  void run() {
    while (!writer_.idle()) step();
  }

  void step() {
    auto done = writer_.advance();
    for (auto& unit : done.units) receipts_.emplace(unit.number, std::move(unit.receipt));
    for (const auto& acquired : done.acquisitions) epochs_.emplace(acquired.number, acquired.epoch);
    for (const auto& tenure : done.lost) lost_.push_back(tenure.shard);
    if (done.again_in && done.again_in->count() > 0) std::this_thread::sleep_for(*done.again_in);
  }

  const write_receipt* receipt(std::uint64_t number) const {
    const auto found = receipts_.find(number);
    return found == receipts_.end() ? nullptr : &found->second;
  }
  bool has_status(std::uint64_t number, write_status status) const {
    const auto* found = receipt(number);
    return found != nullptr && found->status == status;
  }
  const std::vector<shard_ref>& lost() const noexcept { return lost_; }

  /// The value of one of the lane's counters.
  double counted(const std::string& name, const std::string& status = {}) const {
    for (const auto& family : metrics_.Collect()) {
      if (family.name != name) continue;
      for (const auto& metric : family.metric) {
        const auto matches = std::ranges::any_of(
          metric.label, [&](const auto& l) { return l.name == "status" && l.value == status; });
        if (status.empty() || matches)
          return metric.counter.value + static_cast<double>(metric.histogram.sample_count);
      }
    }
    return -1;
  }

private:
  uuid incarnation_;
  metric_registry metrics_;
  postgres::watchdog dog_;
  postgres::writer_probe probe_{metrics_, "test", 0};
  postgres::batch_writer writer_;
  std::unordered_map<std::uint64_t, write_receipt> receipts_;
  std::unordered_map<std::uint64_t, std::int64_t> epochs_;
  std::vector<shard_ref> lost_;
};

inline shard_ref player_shard(std::int32_t shard) { return {family::player, shard}; }

} // namespace troupe::test
