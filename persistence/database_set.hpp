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

struct database_health {
  std::string database;
  bool up = false;                             ///< every lane and reader has its connection
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
