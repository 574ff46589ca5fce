#pragma once

#include <vector>

#include "config/settings.hpp"
#include "persistence/migrations.hpp"

namespace troupe {

/// The configured databases as persistence/ wants them.
inline std::vector<database_address> addresses_of(const settings& values) {
  std::vector<database_address> list;
  for (const auto& database : values.databases)
    list.push_back({database.name, database.dsn.value, database.replica_dsn.value,
                    database.on_citus ? database_placement::citus : database_placement::postgres});
  return list;
}

} // namespace troupe
