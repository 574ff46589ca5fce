#include "actors/catalog/catalog_entity.hpp"

#include <algorithm>

#include "actors/api/directory.hpp"
#include "actors/directory/name_job.hpp"
#include "actors/session/session_rules.hpp"

namespace troupe {

namespace {

std::vector<session_record> sessions_of(const catalog_entity& catalog, const uuid& account_id) {
  std::vector<session_record> found;
  std::ranges::copy_if(catalog.image.sessions, std::back_inserter(found),
                       [&](const session_record& s) { return s.account_id == account_id; });
  return found;
}

template <class Answer>
catalog_effect<Answer> effect_of(const uuid& account_id, session_change<Answer> change) {
  return {std::move(change.answer), std::move(change.rows),
          [account_id, after = std::move(change.after)](std::optional<catalog_entity>& catalog) {
            auto& all = catalog->image.sessions;
            std::erase_if(all, [&](const session_record& s) { return s.account_id == account_id; });
            all.insert(all.end(), after.begin(), after.end());
          }};
}

} // namespace

catalog_entity::catalog_entity(catalog_image loaded) : image(std::move(loaded)) {
  renew_snapshot();
}

void catalog_entity::renew_snapshot() {
  catalog_image copy{image.studios, image.games, image.staff, {}};
  snapshot = std::make_shared<const catalog_snapshot>(std::move(copy));
}

result<catalog_effect<studio_created>> decide(const catalog_entity* catalog,
                                              const create_studio& request, const uuid& op_id) {
  if (catalog->image.studios.size() >= max_studios)
    return fail(errc::limit_reached, "There are as many studios as there may be.");
  if (catalog->snapshot->find_studio_by_name(request.studio.name))
    return fail(errc::studio_name_taken);
  const auto& owner = request.owner;
  name_job confirm{fold_name(owner.username), {account_kind::staff, owner.id}, op_id};
  return catalog_effect<studio_created>{
    {request.studio},
    {put_studio{request.studio}, put_staff{owner},
     put_job{make_name_job(confirm_name_job, confirm)}},
    [studio = request.studio, owner](std::optional<catalog_entity>& hot) {
      hot->image.studios.push_back(studio);
      hot->image.staff.push_back(owner);
      hot->renew_snapshot();
    }};
}

result<catalog_effect<game_created>> decide(const catalog_entity* catalog,
                                            const create_game& request) {
  const auto& fresh = request.game;
  if (!catalog->snapshot->find_studio(fresh.studio_id)) return fail(errc::no_such_studio);
  const auto& siblings = catalog->snapshot->games_of(fresh.studio_id);
  auto key = fold_name(fresh.name);
  for (const auto& game : siblings)
    if (fold_name(game.name) == key) return fail(errc::game_name_taken);
  if (siblings.size() >= max_games_per_studio)
    return fail(errc::limit_reached, "The studio has as many games as it may have.");
  return catalog_effect<game_created>{{fresh},
                                      {put_game{fresh}},
                                      [fresh](std::optional<catalog_entity>& hot) {
                                        hot->image.games.push_back(fresh);
                                        hot->renew_snapshot();
                                      }};
}

result<catalog_effect<session_opened>> decide(const catalog_entity* catalog,
                                              const open_session& request,
                                              std::size_t max_sessions) {
  const auto& id = request.session.account_id;
  return effect_of(id, open(sessions_of(*catalog, id), request.session, max_sessions));
}

result<catalog_effect<session_rotated>> decide(const catalog_entity* catalog,
                                               const rotate_session& request) {
  auto change = rotate(sessions_of(*catalog, request.account_id), request);
  if (!change) return std::unexpected(change.error());
  return effect_of(request.account_id, std::move(*change));
}

result<catalog_effect<session_closed>> decide(const catalog_entity* catalog,
                                              const close_session& request) {
  return effect_of(request.account_id, close(sessions_of(*catalog, request.account_id), request));
}

} // namespace troupe
