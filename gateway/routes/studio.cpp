#include "gateway/route.hpp"
#include "gateway/routes/accounts.hpp"
#include "gateway/routes/catalog.hpp"

namespace troupe::gateway {

namespace {

uuid studio_of(const context& c) { return c.who().studio_id.value_or(uuid{}); }

task<result<void>> get_studio(context& c) {
  const auto catalog = c.node().catalog.current();
  const auto* studio = catalog->find_studio(studio_of(c));
  if (!studio) co_return fail(errc::no_such_studio);
  c.version(1); // studios do not change
  c.reply(200, views::studio{studio->id, studio->name, studio->created_at});
  co_return result<void>{};
}

task<result<void>> get_games(context& c) {
  c.bind_cursor(to_string(studio_of(c)));
  const auto catalog = c.node().catalog.current();
  co_return reply_games(c, *catalog, catalog->games_of(studio_of(c)));
}

task<result<void>> post_game(context& c) {
  auto request = c.body<views::new_game>();
  if (!request) co_return std::unexpected(std::move(request.error()));
  game_record game{make_uuid_v7(), studio_of(c), std::move(request->name), now()};
  auto created = co_await c.ask_only<catalog_actor>(c.make_call(), create_game{std::move(game)});
  if (!created) co_return std::unexpected(std::move(created.error()));
  const auto& made = created->value.game;
  co_await see_in_catalog(
    c, [id = made.id](const catalog_snapshot& seen) { return seen.find_game(id) != nullptr; });
  const auto catalog = c.node().catalog.current();
  const auto* studio = catalog->find_studio(made.studio_id);
  if (!studio) co_return fail(errc::no_such_studio);
  c.replayed(created->replayed);
  c.location("/v1/games/" + to_string(made.id));
  c.version(1);
  c.reply(201, views::game{made.id, made.name, {studio->id, studio->name}});
  co_return result<void>{};
}

std::vector<uuid> ids_of(const std::vector<game_record>& games) {
  std::vector<uuid> ids;
  ids.reserve(games.size());
  for (const auto& game : games) ids.push_back(game.id);
  return ids;
}

task<result<void>> get_popularity(context& c) {
  c.bind_cursor(to_string(studio_of(c)));
  const auto catalog = c.node().catalog.current();
  co_return co_await reply_popularity(c, ids_of(catalog->games_of(studio_of(c))));
}

/// The studio's own game. Errors: `no_such_game`, `not_your_game`.
result<void> check_game(const context& c, const catalog_snapshot& catalog,
                        const std::optional<uuid>& game_id) {
  const auto* game = game_id ? catalog.find_game(*game_id) : nullptr;
  if (!game) return fail(errc::no_such_game);
  if (game->studio_id != studio_of(c)) return fail(errc::not_your_game);
  return {};
}

task<result<void>> get_players(context& c) {
  auto query = c.query<views::studio_players_request>();
  if (!query) co_return std::unexpected(std::move(query.error()));
  const auto catalog = c.node().catalog.current();
  auto binding = to_string(studio_of(c));
  std::vector<uuid> game_ids;
  if (query->game_id) {
    if (auto own = check_game(c, *catalog, query->game_id); !own) co_return own;
    game_ids.push_back(*query->game_id);
    binding += to_string(*query->game_id);
  } else {
    game_ids = ids_of(catalog->games_of(studio_of(c)));
  }
  c.bind_cursor(std::move(binding));
  auto after = c.position<registration_position>(query->cursor);
  if (!after) co_return std::unexpected(std::move(after.error()));
  co_return co_await reply_registrations(c, std::move(game_ids),
                                         query->limit.value_or(views::default_limit), *after);
}

task<result<void>> put_player(context& c) {
  auto game_id = c.path_id(0);
  const auto catalog = c.node().catalog.current();
  if (auto own = check_game(c, *catalog, game_id); !own) co_return own;
  auto player_id = c.path_id(1);
  if (!player_id) co_return fail(errc::no_such_player);
  co_return co_await put_into_library(c, *player_id, *game_id, std::string{c.request().path});
}

task<result<void>> delete_player_of_game(context& c) {
  auto game_id = c.path_id(0);
  const auto catalog = c.node().catalog.current();
  if (auto own = check_game(c, *catalog, game_id); !own) co_return own;
  auto player_id = c.path_id(1);
  if (!player_id) co_return fail(errc::no_such_player);
  co_return co_await remove_from_library(c, *player_id, *game_id);
}

} // namespace

std::vector<route> studio_routes() {
  return {
    {.verb = http::method::get,
     .path = "/v1/studios/me",
     .id = "readMyStudio",
     .tag = "Studios",
     .summary = "Read one's own studio",
     .description = "",
     .roles = only(role::studio),
     .answers = {{200, "The studio", &shape_of<views::studio>()}},
     .problems = {errc::no_such_studio},
     .versioned = true,
     .handle = get_studio},
    {.verb = http::method::get,
     .path = "/v1/studios/me/games",
     .id = "listStudioGames",
     .tag = "Studios",
     .summary = "List the studio's games",
     .description = "Ascending by id.",
     .roles = only(role::studio),
     .query = &shape_of<views::page_request>(),
     .answers = {{200, "A page of games", &shape_of<views::game_page>()}},
     .problems = {},
     .paged = true,
     .handle = get_games},
    {.verb = http::method::post,
     .path = "/v1/studios/me/games",
     .id = "createGame",
     .tag = "Studios",
     .summary = "Add a game to the studio",
     .description = "Names are unique within a studio.",
     .roles = only(role::studio),
     .takes = request_body::described,
     .body = &shape_of<views::new_game>(),
     .answers = {{201, "The new game", &shape_of<views::game>(), true}},
     .problems = {errc::game_name_taken, errc::no_such_studio, errc::limit_reached},
     .handle = post_game},
    {.verb = http::method::get,
     .path = "/v1/studios/me/games/popularity",
     .id = "rankStudioGames",
     .tag = "Studios",
     .summary = "Rank the studio's games by players",
     .description =
       "Most players first; games without players are there too. Exact at the moment of asking.",
     .roles = only(role::studio),
     .query = &shape_of<views::page_request>(),
     .answers = {{200, "A page of games with their players", &shape_of<views::popularity_page>()}},
     .problems = {},
     .paged = true,
     .handle = get_popularity},
    {.verb = http::method::get,
     .path = "/v1/studios/me/players",
     .id = "listStudioPlayers",
     .tag = "Studios",
     .summary = "List who plays the studio's games",
     .description = "Ascending by the game's id, then the player's.",
     .roles = only(role::studio),
     .query = &shape_of<views::studio_players_request>(),
     .answers = {{200, "A page of games and players", &shape_of<views::registration_page>()}},
     .problems = {errc::no_such_game, errc::not_your_game},
     .paged = true,
     .handle = get_players},
    {.verb = http::method::put,
     .path = "/v1/studios/me/games/{game_id}/players/{player_id}",
     .id = "addPlayerToGame",
     .tag = "Studios",
     .summary = "Put one of the studio's games into a player's library",
     .description = "",
     .roles = only(role::studio),
     .answers = {{201, "The game is new in the library", &shape_of<views::library_entry>(), true},
                 {200, "The game was there already", &shape_of<views::library_entry>()}},
     .problems = {errc::no_such_game, errc::not_your_game, errc::no_such_player,
                  errc::limit_reached},
     .handle = put_player},
    {.verb = http::method::delete_,
     .path = "/v1/studios/me/games/{game_id}/players/{player_id}",
     .id = "removePlayerFromGame",
     .tag = "Studios",
     .summary = "Take one of the studio's games out of a player's library",
     .description = "No error when it is not there.",
     .roles = only(role::studio),
     .answers = {{204, "The game is not in the library", nullptr}},
     .problems = {errc::no_such_game, errc::not_your_game, errc::no_such_player},
     .handle = delete_player_of_game},
  };
}

} // namespace troupe::gateway
