#pragma once

#include <cstdint>
#include <pqxx/transaction_base>
#include <string_view>
#include <vector>

#include "base/family.hpp"
#include "persistence/postgres/dial.hpp"

// The rows of one shard, as a move needs them. Everything throws what pqxx throws.

namespace troupe::postgres {

/// The tables that hold rows of a family, from the list of migrations; without the fence.
std::vector<std::string_view> tables_of(family fam);

/// Rows of one table, whatever their order.
struct table_sum {
  std::int64_t rows = 0;
  std::string sum; ///< over the rows' texts

  bool operator==(const table_sum&) const = default;
};

table_sum sum_of(pqxx::transaction_base& work, std::string_view table, shard_ref ref);

std::int64_t delete_rows(pqxx::transaction_base& work, shard_ref ref);

/// Copies every row within the transactions that are open on both connections, a buffer at a time, and
/// compares counts and sums. Gives the number of rows. Throws `std::runtime_error` when they differ.
std::int64_t copy_rows(dialed& source, pqxx::transaction_base& reading, dialed& target,
                       pqxx::transaction_base& writing, shard_ref ref);

} // namespace troupe::postgres
