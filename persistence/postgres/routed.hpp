#pragma once

#include <string>
#include <string_view>

namespace troupe::postgres {

/// The text of one of the program's statements (statements.hpp) as a coordinator of Citus wants it: every
/// row of the arrays is of one shard, the first element of `$1` names it by equality, and so the whole
/// statement is one task on that shard's worker. What names its shard by equality anyway, or is about all
/// shards, stays as it is. Two forms are known:
/// a join or a condition `x.shard_id = w.shard_id`, and `insert … select * from unnest($1::int[], …)`,
/// which reads the shard from its fence row, or Citus would copy the rows through the coordinator.
std::string routed(std::string_view sql);

} // namespace troupe::postgres
