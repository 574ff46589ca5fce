#include "gateway/routes/library.hpp"
#include "gateway/route.hpp"
#include "gateway/routes/accounts.hpp"

namespace troupe::gateway {

namespace {

task<result<void>> get_library(context& c) {
  auto query = c.query<views::page_request>();
  if (!query) co_return std::unexpected(std::move(query.error()));
  const auto player = c.who().account_id;
  c.bind_cursor(to_string(player));
  auto after = c.position<list_position>(query->cursor);
  if (!after) co_return std::unexpected(std::move(after.error()));
  auto limit = query->limit.value_or(views::default_limit);
  list_library request{player, {}, limit};
  if (*after) request.after = (*after)->id;
  auto page = co_await c.ask<player_actor>(player, c.make_read(), std::move(request));
  if (!page) co_return std::unexpected(std::move(page.error()));
  const auto catalog = c.node().catalog.current();
  views::library_page out;
  out.items.reserve(page->items.size());
  for (const auto& entry : page->items) {
    const auto* game = catalog->find_game(entry.game_id);
    if (!game) continue; // registered a moment ago by a node whose catalogue is ahead of ours
    if (auto seen = view_of(*catalog, *game))
      out.items.push_back({std::move(*seen), entry.registered_at});
  }
  if (page->more && !page->items.empty())
    out.next = c.next_page(list_position{page->items.back().game_id}, limit);
  c.reply(200, out);
  co_return result<void>{};
}

task<result<void>> put_game(context& c) {
  auto game_id = c.path_id(0);
  if (!game_id) co_return fail(errc::no_such_game);
  co_return co_await put_into_library(c, c.who().account_id, *game_id,
                                      "/v1/players/me/games/" + to_string(*game_id));
}

task<result<void>> delete_game(context& c) {
  auto game_id = c.path_id(0);
  if (!game_id) { // there is no such thing in anybody's library
    c.reply_empty(204);
    co_return result<void>{};
  }
  co_return co_await remove_from_library(c, c.who().account_id, *game_id);
}

} // namespace

task<result<void>> put_into_library(context& c, uuid player_id, uuid game_id, std::string path) {
  const auto catalog = c.node().catalog.current();
  const auto* game = catalog->find_game(game_id);
  auto seen = game ? view_of(*catalog, *game) : std::nullopt;
  if (!seen) co_return fail(errc::no_such_game);
  auto registered = co_await c.ask<player_actor>(player_id, c.make_call(),
                                                 register_game{player_id, game_id});
  if (!registered) co_return std::unexpected(std::move(registered.error()));
  c.replayed(registered->replayed);
  if (registered->value.created) c.location(path);
  c.reply(registered->value.created ? 201 : 200,
          views::library_entry{std::move(*seen), registered->value.registered_at});
  co_return result<void>{};
}

task<result<void>> remove_from_library(context& c, uuid player_id, uuid game_id) {
  auto removed = co_await c.ask<player_actor>(player_id, c.make_call(),
                                              unregister_game{player_id, game_id});
  if (!removed) co_return std::unexpected(std::move(removed.error()));
  c.replayed(removed->replayed);
  c.reply_empty(204);
  co_return result<void>{};
}

std::vector<route> library_routes() {
  return {
    {.verb = http::method::get,
     .path = "/v1/players/me/games",
     .id = "listMyGames",
     .tag = "Libraries",
     .summary = "List one's own games",
     .description = "Ascending by the game's id.",
     .roles = only(role::player),
     .query = &shape_of<views::page_request>(),
     .answers = {{200, "A page of the library", &shape_of<views::library_page>()}},
     .problems = {errc::no_such_player},
     .paged = true,
     .handle = get_library},
    {.verb = http::method::put,
     .path = "/v1/players/me/games/{game_id}",
     .id = "addMyGame",
     .tag = "Libraries",
     .summary = "Put a game into one's own library",
     .description = "",
     .roles = only(role::player),
     .answers = {{201, "The game is new in the library", &shape_of<views::library_entry>(), true},
                 {200, "The game was there already", &shape_of<views::library_entry>()}},
     .problems = {errc::no_such_game, errc::no_such_player, errc::limit_reached},
     .handle = put_game},
    {.verb = http::method::delete_,
     .path = "/v1/players/me/games/{game_id}",
     .id = "removeMyGame",
     .tag = "Libraries",
     .summary = "Take a game out of one's own library",
     .description = "No error when it is not there.",
     .roles = only(role::player),
     .answers = {{204, "The game is not in the library", nullptr}},
     .problems = {errc::no_such_player},
     .handle = delete_game},
  };
}

} // namespace troupe::gateway
