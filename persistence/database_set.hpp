#pragma once

#include <caf/fwd.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/credits.hpp"
#include "base/error.hpp"
#include "base/family.hpp"
#include "base/metrics.hpp"
#include "base/uuid.hpp"
#include "persistence/migrations.hpp"
#include "persistence/ports.hpp"

namespace troupe {

/// Bounds of lanes and readers. All times are counted on the monotonic clock.
struct database_limits {
  std::uint32_t batch_units = 512;         ///< units of one transaction
  std::uint32_t batch_bytes = 1024 * 1024; ///< of their rows and answers, roughly
  std::uint32_t lane_credits = 4096;       ///< units under way towards one lane
  std::uint32_t reader_credits = 4096;     ///< loads and lists under way towards one reader
  std::chrono::milliseconds connect_timeout{3'000};
  std::chrono::milliseconds statement_timeout{5'000}; ///< the server's own limit
  /// A round trip longer than this is cut by the watchdog; more than `statement_timeout`.
  std::chrono::milliseconds round_trip_timeout{7'000};
  /// What was never sent waits this long for a database that is away, then it is refused.
  std::chrono::milliseconds unit_wait{5'000};
  /// How long a take-over waits for the old owner's transaction before it ends that backend.
  std::chrono::milliseconds takeover_wait{1'500};
  std::chrono::milliseconds backoff_min{50};
  std::chrono::milliseconds backoff_max{2'000};
  std::chrono::hours operation_retention{24}; ///< of rows of the operation ledger
};

struct database_set_settings {
  std::vector<database_address> databases; ///< the first is the control database
  std::uint32_t lanes = 2;                 ///< writer lanes per database
  std::uint32_t readers = 2;               ///< per database
  uuid incarnation;                        ///< owner in the fences, application name at the servers
  database_limits limits;
};

/// Where one shard's rows are written and read. Take a credit before each message that gets an answer
/// (write_request, acquire_request; load_request), give it back when the answer is there.
struct shard_storage {
  writer_actor writer;
  std::shared_ptr<credits> writer_credits;
  reader_actor reader;
  std::shared_ptr<credits> reader_credits;
};

/// One reader of each database, for reads over all shards; each such request takes a credit, too.
struct database_reader {
  std::string database;
  reader_actor reader;
  std::shared_ptr<credits> reader_credits;
};

struct database_health {
  std::string database;
  bool up = false; ///< every lane and reader has its connection
  std::chrono::steady_clock::time_point since; ///< of the last change of `up`
};

/// Every lane and reader of a node, over all configured databases. One per node, owned by app/, which
/// outlives every shard actor. Safe to read from any thread.
class database_set {
public:
  /// Reads families and homes from the control database (which must be up), then spawns the lanes and
  /// readers; each opens its connection by itself and keeps trying. Blocks. Call after
  /// `check_schema`. Errors: `storage_unavailable`, `internal`; the detail is for operators.
  static result<std::unique_ptr<database_set>> open(caf::actor_system& system,
                                                    const database_set_settings& settings,
                                                    metric_registry& metrics);
  virtual ~database_set() = default;

  virtual std::uint32_t shard_count(family fam) const noexcept = 0;

  /// `ref` is within its family's shard count.
  virtual const shard_storage& at(shard_ref ref) const noexcept = 0;

  /// In the order of the configuration.
  virtual std::span<const database_reader> readers() const noexcept = 0;

  virtual std::vector<database_health> health() const = 0;

  /// Lanes finish what they were sent, then everything closes. False when that took longer than
  /// `limit`: threads may still hang in a system call, so leave with `_exit`. Call once, after the
  /// shard actors have released their shards.
  virtual bool stop(std::chrono::milliseconds limit) = 0;
};

} // namespace troupe
