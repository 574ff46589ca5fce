#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "persistence/postgres/connection.hpp"
#include "persistence/write_unit.hpp"

namespace troupe::postgres {

/// Gathers the row changes of many units into one bulk statement per table and kind of change.
class row_batch {
public:
  void add(shard_ref shard, const row_change& change);

  /// The statements in the order in which they must run: deletes, then puts. Uses the batch up.
  std::vector<call> take();

private:
  struct bulk {
    std::vector<array_parameter> columns;
  };

  /// The bulk at a place of the table of statements (row_batch.cpp).
  std::vector<array_parameter>& at(std::size_t which);

  std::vector<std::optional<bulk>> bulks_;
  std::map<std::pair<std::int32_t, uuid>, std::int64_t> counters_;
};

/// What a change is about, for telling whether two changes of a shard may touch the same rows: the
/// player, account, name or job; nothing for counters, which commute.
std::optional<std::uint64_t> subject_of(const row_change& change);

/// Deletes run before the puts of their batch, so none may follow a put of the same subject there.
bool is_delete(const row_change& change) noexcept;

/// Roughly how many bytes the change takes on the wire.
std::size_t size_of(const row_change& change) noexcept;

} // namespace troupe::postgres
