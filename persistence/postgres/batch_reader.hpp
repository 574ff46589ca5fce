#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "persistence/database_limits.hpp"
#include "persistence/ports.hpp"
#include "persistence/postgres/connection.hpp"
#include "persistence/postgres/probe.hpp"

namespace troupe::postgres {

/// The heart of a reader, without actors: answers all loads that have come together with one round
/// trip of a few statements. Owned and called by one thread, the reader's. Blocks for the round trips
/// of one `advance` and never sleeps.
class batch_reader {
public:
  using clock = std::chrono::steady_clock;

  struct settings {
    std::string dsn;
    std::string replica_dsn; ///< empty: lists and sums read from the primary, too
    std::string label;       ///< for logs: database and reader
    uuid incarnation;        ///< the application name at the server
    database_limits limits;
    database_placement placement = database_placement::postgres;
  };

  /// `dog` and `probe` outlive the reader.
  batch_reader(settings options, watchdog& dog, reader_probe& probe);

  /// The answers carry the returned number instead of the ticket. Nothing is done before `advance`.
  std::uint64_t load(shard_ref shard, load_key key);

  struct progress {
    std::vector<load_receipt> loads; ///< ticket: the number that `load` gave
    /// Something is left to do: call again then.
    std::optional<std::chrono::milliseconds> again_in;
  };

  /// Connects, or answers the loads that wait.
  progress advance();

  /// Over all shards of the database, from the replica where there is one. Block for one round trip,
  /// or two when the replica is away. Errors: `storage_unavailable`, `internal`.
  result<registrations> list(const list_registrations& page);
  result<counters> sum(const sum_counters& games);

  bool idle() const noexcept { return waiting_.empty(); }
  bool connected() const noexcept { return primary_.is_open(); }
  void disconnect() noexcept { primary_.close(); }

private:
  struct waiting_load {
    std::uint64_t number = 0;
    shard_ref shard;
    load_key key;
    clock::time_point arrived;
  };

  void connect();
  void back_off();
  void note(const sql_failure& why);
  void read(progress& out);
  void expire(progress& out);
  result<rows> read_anywhere(const call& question);

  settings options_;
  reader_probe& probe_;
  connection primary_;
  std::optional<connection> replica_;
  clock::time_point replica_retry_at_{};
  std::deque<waiting_load> waiting_;
  std::uint64_t next_number_ = 1;
  clock::time_point resume_at_{};
  std::chrono::milliseconds backoff_{0};
  std::minstd_rand jitter_;
};

} // namespace troupe::postgres
