#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>

#include "base/uuid.hpp"
#include "persistence/database_limits.hpp"
#include "persistence/postgres/connection.hpp"
#include "persistence/postgres/probe.hpp"
#include "persistence/write_unit.hpp"

namespace troupe::postgres {

/// The heart of a writer lane, without actors: takes write units, acquisitions and releases of shards
/// in order, and commits as many units as have come together in one transaction over one connection.
/// Owned and called by one thread, the lane's. `advance` blocks for the round trips of one batch and
/// never sleeps: it says when to call it again.
///
/// On Citus a batch holds units of one shard id only: one over several would cost a two-phase commit and a
/// connection to each worker.
///
/// What it knows of each shard is its *tenure*: the epoch at which the shard actor acquired the shard,
/// which names the tenure for good, and the epoch that is in the fence now, which grows whenever the
/// fate of a commit was in doubt.
class batch_writer {
public:
  using clock = std::chrono::steady_clock;

  struct settings {
    std::string dsn;
    std::string label; ///< for logs: database and lane
    uuid incarnation;  ///< the owner in the fences
    database_limits limits;
    database_placement placement = database_placement::postgres;
  };

  /// `dog` and `probe` outlive the writer.
  batch_writer(settings options, watchdog& dog, writer_probe& probe);

  /// Each call gives its number, which comes back with the outcome. Nothing is done before `advance`.
  std::uint64_t write(std::shared_ptr<const write_unit> unit);
  std::uint64_t acquire(shard_ref shard, std::int64_t seen_epoch);
  void release(shard_ref shard, std::int64_t epoch);

  struct settled_unit {
    std::uint64_t number = 0;
    shard_ref shard;
    write_receipt receipt; ///< without its ticket
  };
  struct settled_acquisition {
    std::uint64_t number = 0;
    shard_ref shard;
    std::int64_t epoch = 0;
    failure why{errc::none, {}, {}, {}};
  };
  struct lost_tenure {
    shard_ref shard;
    std::int64_t epoch = 0;
  };
  struct progress {
    std::vector<settled_unit> units;
    std::vector<settled_acquisition> acquisitions;
    std::vector<lost_tenure> lost; ///< shards found fenced while no unit could tell
    /// Something is left to do: call again then.
    std::optional<std::chrono::milliseconds> again_in;
  };

  /// Does the next piece of work: connects, settles a commit in doubt, commits one batch, acquires or
  /// releases what is next in line.
  progress advance();

  bool idle() const noexcept { return !doubt_ && retries_.empty() && queue_.empty(); }
  bool connected() const noexcept { return connection_.is_open(); }
  /// Units that were handed over and are not settled.
  std::size_t waiting() const noexcept { return waiting_; }
  /// Gives up every shard it holds: what a lane tells its shards when it ends.
  std::vector<lost_tenure> abandon();

private:
  struct unit_item {
    std::uint64_t number = 0;
    std::shared_ptr<const write_unit> unit;
    clock::time_point arrived;
  };
  struct acquire_item {
    std::uint64_t number = 0;
    shard_ref shard;
    std::int64_t seen_epoch = 0;
    clock::time_point arrived;
  };
  struct release_item {
    shard_ref shard;
    std::int64_t epoch = 0;
  };
  using queued = std::variant<unit_item, acquire_item, release_item>;
  using batch = std::vector<unit_item>;

  struct tenure {
    std::int64_t acquired = 0; ///< the epoch that names the tenure
    std::int64_t current = 0;  ///< the epoch in the fence
  };

  void connect();
  void run_batch(batch units, progress& out);
  void run_carefully(batch units, progress& out);
  void enter_doubt(batch units, const sql_failure& why);
  void drop_fenced(batch& units, progress& out);
  parameters fences_of(const std::vector<shard_ref>& shards) const;
  void settle_doubt(progress& out);
  void run_acquisitions(progress& out);
  void run_releases();

  std::chrono::milliseconds pause_before_commit() const;
  batch gather(progress& out);
  void expire(progress& out);
  void settle(const unit_item& item, write_receipt receipt, progress& out);
  void refuse(const unit_item& item, errc code, progress& out);
  void fence_off(shard_ref shard);
  bool holds(const write_unit& unit) const;
  bool on_citus() const noexcept { return options_.placement == database_placement::citus; }
  std::vector<call> opening_of(const batch& units, const std::vector<shard_ref>& shards) const;
  void note(const sql_failure& why);
  void reject(batch units, const sql_failure& why, progress& out);
  void back_off();

  settings options_;
  writer_probe& probe_;
  connection connection_;
  std::unordered_map<shard_ref, tenure> tenures_;

  std::deque<queued> queue_;
  std::deque<batch> retries_;  ///< batches that are certain not to have committed; before the queue
  std::optional<batch> doubt_; ///< a batch that may have committed; before everything
  std::size_t waiting_ = 0;
  std::uint64_t next_number_ = 1;

  std::vector<int> stale_backends_; ///< server processes of connections that were lost
  clock::time_point resume_at_{};   ///< nothing is tried before
  clock::time_point last_batch_{};  ///< when the last batch began
  std::size_t last_units_ = 0;      ///< of that batch
  std::chrono::milliseconds backoff_{0};
  std::minstd_rand jitter_;
};

} // namespace troupe::postgres
