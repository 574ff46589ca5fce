#include "gateway/route.hpp"
#include "gateway/routes/accounts.hpp"
#include "gateway/routes/catalog.hpp"

namespace troupe::gateway {

namespace {

task<result<void>> get_publisher(context& c) {
  const auto catalog = c.node().catalog.current();
  const auto* staff = catalog->find_staff(c.who().account_id);
  if (!staff) co_return fail(errc::not_found);
  c.version(1);
  c.reply(200, views::publisher{staff->id, staff->username, staff->created_at});
  co_return result<void>{};
}

task<result<void>> get_studios(context& c) {
  const auto catalog = c.node().catalog.current();
  auto page = slice_of(c, catalog->studios());
  if (!page) co_return std::unexpected(std::move(page.error()));
  views::studio_page out;
  out.items.reserve(page->items.size());
  for (const auto& studio : page->items)
    out.items.push_back({studio.id, studio.name, studio.created_at});
  out.next = std::move(page->next);
  c.reply(200, out);
  co_return result<void>{};
}

task<result<void>> post_studio(context& c) {
  auto request = c.body<views::new_studio>();
  if (!request) co_return std::unexpected(std::move(request.error()));
  if (auto wrong = wrong_password(request->owner.password, "/owner/password"))
    co_return std::unexpected(std::move(*wrong));
  auto owner_id = co_await claim_account(c, account_kind::staff);
  if (!owner_id) co_return std::unexpected(std::move(owner_id.error()));

  auto key = fold_name(request->owner.username);
  account_ref account{account_kind::staff, *owner_id};
  auto reserved = co_await c.ask<directory_actor>(key, c.make_call(), reserve_name{key, account});
  if (!reserved) {
    auto why = std::move(reserved.error());
    if (why.code == errc::name_taken) why.code = errc::username_taken;
    co_return std::unexpected(std::move(why));
  }
  auto hash = co_await hash_in_pool(c, std::move(request->owner.password));
  if (!hash) co_return std::unexpected(std::move(hash.error()));

  auto moment = now();
  create_studio creation;
  creation.studio = {make_uuid_v7(), std::move(request->name), moment};
  creation.owner.id = *owner_id;
  creation.owner.username = request->owner.username;
  creation.owner.password_hash = std::move(*hash);
  creation.owner.role = staff_role::studio;
  creation.owner.studio_id = creation.studio.id;
  creation.owner.created_at = moment;
  auto created = co_await c.ask_only<catalog_actor>(c.make_call(), std::move(creation));
  if (!created) co_return std::unexpected(std::move(created.error()));
  c.replayed(created->replayed);
  const auto& studio = created->value.studio;
  co_await see_in_catalog(c, [id = studio.id](const catalog_snapshot& catalog) {
    return catalog.find_studio(id) != nullptr;
  });
  c.reply(201, views::created_studio{studio.id,
                                     studio.name,
                                     studio.created_at,
                                     {*owner_id, std::move(request->owner.username)}});
  co_return result<void>{};
}

std::vector<uuid> all_games(const catalog_snapshot& catalog) {
  std::vector<uuid> ids;
  ids.reserve(catalog.games().size());
  for (const auto& game : catalog.games()) ids.push_back(game.id);
  return ids;
}

task<result<void>> get_popularity(context& c) {
  const auto catalog = c.node().catalog.current();
  co_return co_await reply_popularity(c, all_games(*catalog));
}

/// The games that all filters leave. Errors: `no_such_studio`, `no_such_game`.
result<std::vector<uuid>> games_for(const catalog_snapshot& catalog,
                                    const views::publisher_players_request& query) {
  std::optional<uuid> studio_id;
  if (query.studio_id) {
    if (!catalog.find_studio(*query.studio_id)) return fail(errc::no_such_studio);
    studio_id = query.studio_id;
  }
  if (query.studio_name) {
    const auto* named = catalog.find_studio_by_name(*query.studio_name);
    if (!named) return fail(errc::no_such_studio);
    if (studio_id && *studio_id != named->id) return std::vector<uuid>{};
    studio_id = named->id;
  }
  if (query.game_id) {
    const auto* game = catalog.find_game(*query.game_id);
    if (!game) return fail(errc::no_such_game);
    if (studio_id && game->studio_id != *studio_id) return std::vector<uuid>{};
    return std::vector{game->id};
  }
  if (!studio_id) return all_games(catalog);
  std::vector<uuid> ids;
  for (const auto& game : catalog.games_of(*studio_id)) ids.push_back(game.id);
  return ids;
}

task<result<void>> get_players(context& c) {
  auto query = c.query<views::publisher_players_request>();
  if (!query) co_return std::unexpected(std::move(query.error()));
  const auto catalog = c.node().catalog.current();
  auto game_ids = games_for(*catalog, *query);
  if (!game_ids) co_return std::unexpected(std::move(game_ids.error()));
  std::string binding;
  if (query->studio_id) binding += "s" + to_string(*query->studio_id);
  if (query->game_id) binding += "g" + to_string(*query->game_id);
  if (query->studio_name) binding += "n" + fold_name(*query->studio_name);
  c.bind_cursor(std::move(binding));
  auto after = c.position<registration_position>(query->cursor);
  if (!after) co_return std::unexpected(std::move(after.error()));
  co_return co_await reply_registrations(c, std::move(*game_ids),
                                         query->limit.value_or(views::default_limit), *after);
}

} // namespace

std::vector<route> publisher_routes() {
  return {
    {.verb = http::method::get,
     .path = "/v1/publisher/me",
     .id = "readPublisher",
     .tag = "Publisher",
     .summary = "Read one's own account",
     .description = "",
     .roles = only(role::publisher),
     .answers = {{200, "The account", &shape_of<views::publisher>()}},
     .problems = {errc::not_found},
     .versioned = true,
     .handle = get_publisher},
    {.verb = http::method::get,
     .path = "/v1/publisher/studios",
     .id = "listStudios",
     .tag = "Publisher",
     .summary = "List all studios",
     .description = "Ascending by id.",
     .roles = only(role::publisher),
     .query = &shape_of<views::page_request>(),
     .answers = {{200, "A page of studios", &shape_of<views::studio_page>()}},
     .problems = {},
     .paged = true,
     .handle = get_studios},
    {.verb = http::method::post,
     .path = "/v1/publisher/studios",
     .id = "createStudio",
     .tag = "Publisher",
     .summary = "Add a studio and its first member of staff",
     .description = "",
     .roles = only(role::publisher),
     .takes = request_body::described,
     .body = &shape_of<views::new_studio>(),
     .answers = {{201, "The new studio", &shape_of<views::created_studio>()}},
     .problems = {errc::studio_name_taken, errc::username_taken, errc::limit_reached},
     .handle = post_studio},
    {.verb = http::method::get,
     .path = "/v1/publisher/games/popularity",
     .id = "rankGames",
     .tag = "Publisher",
     .summary = "Rank all games by players",
     .description =
       "Most players first; games without players are there too. Exact at the moment of asking.",
     .roles = only(role::publisher),
     .query = &shape_of<views::page_request>(),
     .answers = {{200, "A page of games with their players", &shape_of<views::popularity_page>()}},
     .problems = {},
     .paged = true,
     .handle = get_popularity},
    {.verb = http::method::get,
     .path = "/v1/publisher/players",
     .id = "listPlayers",
     .tag = "Publisher",
     .summary = "List who plays which games",
     .description =
       "Ascending by the game's id, then the player's. All filters that are given must hold.",
     .roles = only(role::publisher),
     .query = &shape_of<views::publisher_players_request>(),
     .answers = {{200, "A page of games and players", &shape_of<views::registration_page>()}},
     .problems = {errc::no_such_studio, errc::no_such_game},
     .paged = true,
     .handle = get_players},
  };
}

} // namespace troupe::gateway
