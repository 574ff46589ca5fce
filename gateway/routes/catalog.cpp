#include <algorithm>

#include "gateway/route.hpp"
#include "gateway/routes/accounts.hpp"
#include "gateway/routes/catalog.hpp"

namespace troupe::gateway {

namespace {

task<result<void>> get_games(context& c) {
  const auto catalog = c.node().catalog.current();
  co_return reply_games(c, *catalog, catalog->games());
}

task<result<void>> get_game(context& c) {
  auto id = c.path_id(0);
  if (!id) co_return fail(errc::no_such_game);
  const auto catalog = c.node().catalog.current();
  const auto* game = catalog->find_game(*id);
  auto seen = game ? view_of(*catalog, *game) : std::nullopt;
  if (!seen) co_return fail(errc::no_such_game);
  c.version(1); // games do not change
  c.reply(200, *seen);
  co_return result<void>{};
}

} // namespace

result<void> reply_games(context& c, const catalog_snapshot& catalog,
                         const std::vector<game_record>& games) {
  auto page = slice_of(c, games);
  if (!page) return std::unexpected(std::move(page.error()));
  views::game_page out;
  out.items.reserve(page->items.size());
  for (const auto& game : page->items)
    if (auto seen = view_of(catalog, game)) out.items.push_back(std::move(*seen));
  out.next = std::move(page->next);
  c.reply(200, out);
  return {};
}

std::vector<route> catalog_routes() {
  return {
    {.verb = http::method::get,
     .path = "/v1/games",
     .id = "listGames",
     .tag = "Games",
     .summary = "List all games",
     .description = "Ascending by id.",
     .roles = any_role,
     .query = &shape_of<views::page_request>(),
     .answers = {{200, "A page of games", &shape_of<views::game_page>()}},
     .problems = {},
     .paged = true,
     .handle = get_games},
    {.verb = http::method::get,
     .path = "/v1/games/{game_id}",
     .id = "readGame",
     .tag = "Games",
     .summary = "Read a game",
     .description = "",
     .roles = any_role,
     .answers = {{200, "The game", &shape_of<views::game>()}},
     .problems = {errc::no_such_game},
     .versioned = true,
     .handle = get_game},
  };
}

} // namespace troupe::gateway
