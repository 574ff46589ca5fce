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
#include "persistence/database_limits.hpp"
#include "persistence/migrations.hpp"
#include "persistence/ports.hpp"

namespace troupe {

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

/// Where a shard's rows live, as the control database says.
struct shard_home {
  shard_ref ref;
  std::string database;
};

struct database_health {
  std::string database;
  bool up = false;                             ///< every lane and reader has its connection
  std::chrono::steady_clock::time_point since; ///< of the last change of `up`
};

/// Every lane and reader of a node, over all databases. One per node, owned by app/, which outlives every
/// shard actor. Safe from any thread.
///
/// Shards move while nodes run, so what this gives is a copy of the present state: a shard actor keeps the
/// storage it was given for one tenure, and gets another with the next. Placement calls `refresh` after
/// each reading of the databases, before it acts on what it read.
class database_set {
public:
  /// Reads families, homes and the databases added at run time from the control database (which must be
  /// up), then spawns the lanes and readers; each opens its connection by itself and keeps trying. Blocks. Call after
  /// `check_schema`. Errors: `storage_unavailable`, `internal`; the detail is for operators.
  static result<std::unique_ptr<database_set>> open(caf::actor_system& system,
                                                    const database_set_settings& settings,
                                                    metric_registry& metrics);
  virtual ~database_set() = default;

  virtual std::uint32_t shard_count(family fam) const noexcept = 0;

  /// Where the shard lives now. `ref` is within its family's shard count.
  virtual shard_storage at(shard_ref ref) const = 0;

  /// In the order of the configuration, then those added at run time.
  virtual std::vector<database_reader> readers() const = 0;

  /// Takes over where shards live, opens what is new in `databases` and closes what is no longer there and
  /// holds no shard. A shard whose home is in none of them keeps the one it had.
  virtual void refresh(std::span<const database_address> databases,
                       std::span<const shard_home> homes) = 0;

  virtual std::vector<database_health> health() const = 0;

  /// Lanes finish what they were sent, then everything closes. False when that took longer than
  /// `limit`: threads may still hang in a system call, so leave with `_exit`. Call once, after the
  /// shard actors have released their shards.
  virtual bool stop(std::chrono::milliseconds limit) = 0;
};

} // namespace troupe
