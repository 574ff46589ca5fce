#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/family.hpp"

namespace troupe::postgres {

/// One statement of a migration, sent as one message.
struct ddl {
  std::string_view sql;
  /// A table made by the statement that Citus, where it is installed, distributes by `shard_id`.
  std::string_view distribute = {};
  /// Whose rows that table holds; none: of every family, its column `family` tells.
  std::optional<family> holds = {};
};

enum class migration_scope : std::uint8_t {
  control, ///< the first configured database only
  data,    ///< every database
};

struct migration {
  std::int32_t version = 0;
  std::string_view name;
  migration_scope scope = migration_scope::data;
  std::span<const ddl> statements;
};

/// Every migration, ascending by version. Once released, a migration never changes: its checksum is
/// stored where it was applied. A change of the schema is a new migration at the end.
std::span<const migration> migrations() noexcept;

} // namespace troupe::postgres
