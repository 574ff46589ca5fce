#pragma once

#include <cstdint>

namespace troupe {

/// What is behind a database's address, and so how its shards are spread.
enum class database_placement : std::uint8_t {
  postgres, ///< one server: a transaction may hold units of many shards
  citus,    ///< a coordinator of Citus: every statement is about one shard, and goes to its worker
};

} // namespace troupe
