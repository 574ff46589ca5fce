#pragma once

#include <algorithm>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "gateway/context.hpp"
#include "gateway/routes/library.hpp"
#include "gateway/routes/views.hpp"

// Pages over what the node's copy of the catalogue holds.

namespace troupe::gateway {

template <class Record>
struct catalog_slice {
  std::span<const Record> items;
  std::optional<std::string> next;
};

/// The part of a list ascending by id that the request's limit and cursor ask for.
template <class Record>
result<catalog_slice<Record>> slice_of(context& c, const std::vector<Record>& records) {
  auto query = c.query<views::page_request>();
  if (!query) return std::unexpected(std::move(query.error()));
  auto after = c.position<list_position>(query->cursor);
  if (!after) return std::unexpected(std::move(after.error()));
  auto limit = query->limit.value_or(views::default_limit);
  auto from = records.begin();
  if (*after) from = std::ranges::upper_bound(records, (*after)->id, {}, &Record::id);
  auto left = static_cast<std::size_t>(records.end() - from);
  catalog_slice<Record> out;
  out.items = {from, from + static_cast<std::ptrdiff_t>(std::min<std::size_t>(left, limit))};
  if (left > limit) out.next = c.next_page(list_position{out.items.back().id}, limit);
  return out;
}

/// Answers with a page of these games, which ascend by id.
result<void> reply_games(context& c, const catalog_snapshot& catalog,
                         const std::vector<game_record>& games);

} // namespace troupe::gateway
