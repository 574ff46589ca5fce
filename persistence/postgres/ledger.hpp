#pragma once

#include <chrono>
#include <cstdint>
#include <expected>

#include "persistence/postgres/connection.hpp"

namespace troupe::postgres {

/// Deletes up to `at_most` rows of the operation ledger that are older than `retention`; gives how many.
/// One transaction; safe next to writers and other sweepers. On Citus it deletes all of them at once.
std::expected<std::uint64_t, sql_failure> sweep_operations(connection& database,
                                                           std::chrono::seconds retention,
                                                           std::uint32_t at_most,
                                                           database_placement placement);

} // namespace troupe::postgres
