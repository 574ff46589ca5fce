#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/family.hpp"
#include "base/uuid.hpp"
#include "persistence/database_set.hpp"
#include "persistence/migrations.hpp"

namespace troupe {

/// A fence row: who may write a shard.
struct fence_row {
  shard_ref ref;
  std::int64_t epoch = 0;
  std::optional<uuid> owner; ///< none: nobody
};

/// An operator wants the shard on the node of that name.
struct shard_pin {
  shard_ref ref;
  std::string node;
};

/// What placement needs to know of the databases. Blocks for a round trip to each of them; used by one
/// thread at a time.
class placement_store {
public:
  /// The fences were read before the homes and moves, which are one snapshot. So a shard that is not on
  /// its way may be acquired at its home, by compare-and-set on the epoch of its fence here: a move that
  /// came in between has raised the epoch.
  struct picture {
    std::vector<fence_row> fences; ///< of shards at home in a database that could be reached
    std::vector<shard_pin> pins;
    std::vector<shard_home> homes;
    std::vector<shard_ref> moving;           ///< a living mover has or wants them: nobody else may
    std::vector<database_address> databases; ///< the configured ones, then those added at run time
    std::vector<std::string> unreachable;    ///< names of databases
  };

  virtual ~placement_store() = default;

  /// Fails only when the control database, the first one, cannot be read.
  virtual result<picture> read() = 0;
};

/// Opens its connections at the first call and again whenever one was lost. `timeout`: of one database.
std::unique_ptr<placement_store> make_placement_store(std::span<const database_address> databases,
                                                      const uuid& incarnation,
                                                      std::chrono::milliseconds timeout);

/// Pins a shard to the node of a name, or takes the pin away (`node` empty). Blocks; for the command line.
result<void> pin_shard(const database_address& control, shard_ref ref, const std::string& node);

} // namespace troupe
