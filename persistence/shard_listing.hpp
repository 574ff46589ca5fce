#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/family.hpp"
#include "base/timestamp.hpp"
#include "base/uuid.hpp"
#include "persistence/migrations.hpp"

namespace troupe {

/// A shard as its fence row says, which is what decides.
struct listed_shard {
  shard_ref ref;
  std::string database; ///< its home
  std::int64_t epoch = 0;
  std::optional<uuid> owner; ///< the incarnation that may write it; none: nobody holds it
  timestamp changed_at;      ///< of the last change of owner or epoch, by the database's clock
};

/// Every shard of every database, by family and number. Blocks; for the command line. Errors:
/// `storage_unavailable` when a database cannot be reached, `internal` otherwise; the details are for
/// operators.
result<std::vector<listed_shard>> list_shards(std::span<const database_address> databases);

} // namespace troupe
