#include <algorithm>

#include "gateway/routes/accounts.hpp"
#include "gateway/routes/library.hpp"

namespace troupe::gateway {

// Not in the unnamed namespace: its members' names are found by an external symbol.
/// Descending by players, then ascending by id: what a page of popularity goes on after.
struct popularity_position {
  std::int64_t players = 0;
  uuid game_id;
};

namespace {

bool goes_before(const popularity_position& a, const popularity_position& b) noexcept {
  if (a.players != b.players) return a.players > b.players;
  return a.game_id < b.game_id;
}

} // namespace

task<result<void>> reply_registrations(context& c, std::vector<uuid> game_ids, std::uint32_t limit,
                                       std::optional<registration_position> after) {
  views::registration_page out;
  if (game_ids.empty()) {
    c.reply(200, out);
    co_return result<void>{};
  }
  list_registered_players request;
  request.game_ids = std::move(game_ids);
  request.limit = limit;
  if (after) request.after = std::pair{after->game_id, after->player_id};
  auto page = co_await c.ask_actor(c.node().registrations, c.make_read(), std::move(request));
  if (!page) co_return std::unexpected(std::move(page.error()));
  const auto catalog = c.node().catalog.current();
  out.items.reserve(page->items.size());
  for (auto& item : page->items) {
    const auto* game = catalog->find_game(item.game_id);
    auto seen = game ? view_of(*catalog, *game) : std::nullopt;
    if (seen)
      out.items.push_back({std::move(*seen), {item.player_id, std::move(item.player_name)}});
  }
  if (page->more && !page->items.empty()) {
    const auto& last = page->items.back();
    out.next = c.next_page(registration_position{last.game_id, last.player_id}, limit);
  }
  c.reply(200, out);
  co_return result<void>{};
}

task<result<void>> reply_popularity(context& c, std::vector<uuid> game_ids) {
  auto query = c.query<views::page_request>();
  if (!query) co_return std::unexpected(std::move(query.error()));
  auto after = c.position<popularity_position>(query->cursor);
  if (!after) co_return std::unexpected(std::move(after.error()));
  auto limit = query->limit.value_or(views::default_limit);
  views::popularity_page out;
  if (game_ids.empty()) {
    c.reply(200, out);
    co_return result<void>{};
  }
  auto counted = co_await c.ask_actor(c.node().registrations, c.make_read(),
                                      count_players{game_ids});
  if (!counted) co_return std::unexpected(std::move(counted.error()));

  std::ranges::sort(game_ids);
  std::vector<popularity_position> order;
  order.reserve(game_ids.size());
  for (const auto& id : game_ids) order.push_back({0, id});
  for (const auto& count : counted->items) {
    auto at = std::ranges::lower_bound(game_ids, count.game_id);
    if (at != game_ids.end() && *at == count.game_id)
      order[static_cast<std::size_t>(at - game_ids.begin())].players = count.players;
  }
  std::ranges::sort(order, goes_before);
  auto from = *after ? std::ranges::upper_bound(order, **after, goes_before) : order.begin();
  const auto catalog = c.node().catalog.current();
  for (; from != order.end() && out.items.size() < limit; ++from) {
    const auto* game = catalog->find_game(from->game_id);
    if (auto seen = game ? view_of(*catalog, *game) : std::nullopt)
      out.items.push_back({std::move(*seen), from->players});
  }
  if (from != order.end() && !out.items.empty()) out.next = c.next_page(*std::prev(from), limit);
  c.reply(200, out);
  co_return result<void>{};
}

} // namespace troupe::gateway
