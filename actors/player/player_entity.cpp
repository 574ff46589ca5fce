#include "actors/player/player_entity.hpp"

#include <algorithm>
#include <utility>

#include "actors/api/directory.hpp"
#include "actors/directory/name_job.hpp"
#include "actors/session/session_rules.hpp"

namespace troupe {

namespace {

const player_record* living(const player_entity* entity) {
  return entity ? entity->living() : nullptr;
}

std::unexpected<failure> no_such_player() { return fail(errc::no_such_player); }

bool version_differs(const std::optional<std::int64_t>& wanted, const player_record& player) {
  return wanted && *wanted != player.version;
}

account_ref account_of(const player_record& player) { return {account_kind::player, player.id}; }

auto library_position(const std::vector<library_entry>& library, const uuid& game_id) {
  return std::ranges::lower_bound(library, game_id, {}, &library_entry::game_id);
}

/// Turns a change of sessions into an effect on the entity that holds them.
template <class Answer>
player_effect<Answer> effect_of(session_change<Answer> change) {
  return {std::move(change.answer), std::move(change.rows),
          [after = std::move(change.after)](std::optional<player_entity>& entity) mutable {
            if (entity) entity->image.sessions = std::move(after);
          }};
}

} // namespace

std::size_t player_entity::bytes() const noexcept {
  return sizeof *this + image.player.name.capacity() + image.player.password_hash.capacity() +
         image.library.capacity() * sizeof(library_entry) +
         image.sessions.capacity() * sizeof(session_record);
}

player_profile profile_of(const player_record& player) {
  return {player.id, player.name, player.created_at, player.version};
}

result<player_effect<player_profile>> decide(const player_entity* entity,
                                             const create_player& request, const uuid& op_id) {
  // A fresh id that is taken: an earlier execution of this operation, whose answer the ledger has.
  if (entity) return fail(errc::name_taken);
  player_record player{request.id, request.name, op_id, request.password_hash, now(), 1, false};
  name_job confirm{fold_name(player.name), account_of(player), op_id};
  return player_effect<player_profile>{
    profile_of(player),
    {put_player{player}, put_job{make_name_job(confirm_name_job, confirm)}},
    [player](std::optional<player_entity>& created) {
      created = player_entity{player_image{player, {}, {}}};
    }};
}

result<player_effect<player_updated>> decide(const player_entity* entity,
                                             const update_player& request, const uuid& op_id) {
  const auto* player = living(entity);
  if (!player) return no_such_player();
  if (version_differs(request.if_version, *player)) return fail(errc::precondition_failed);

  player_record changed = *player;
  std::vector<row_change> rows;
  player_updated answer;
  auto sessions = entity->image.sessions;
  if (request.name) {
    // Even when the name stays: the directory now ties it to this operation, and so must the player.
    changed.name = *request.name;
    changed.name_op = op_id;
    auto old_key = fold_name(player->name);
    auto new_key = fold_name(changed.name);
    rows.push_back(put_job{make_name_job(confirm_name_job, {new_key, account_of(*player), op_id})});
    if (new_key != old_key)
      rows.push_back(
        put_job{make_name_job(release_name_job, {old_key, account_of(*player), player->name_op})});
  }
  if (request.password_hash) {
    changed.password_hash = *request.password_hash;
    std::erase_if(sessions, [&](const session_record& s) {
      if (s.id == request.keep_session) return false;
      rows.push_back(delete_session{s.account_id, s.id});
      answer.ended_sessions.push_back(s.id);
      return true;
    });
  }
  if (!request.name && !request.password_hash) {
    answer.profile = profile_of(*player);
    return player_effect<player_updated>{std::move(answer), {}};
  }
  if (changed.name != player->name || request.password_hash) ++changed.version;
  rows.push_back(put_player{changed});
  answer.profile = profile_of(changed);
  return player_effect<player_updated>{
    std::move(answer), std::move(rows),
    [changed, sessions = std::move(sessions)](std::optional<player_entity>& hot) mutable {
      hot->image.player = std::move(changed);
      hot->image.sessions = std::move(sessions);
    }};
}

result<player_effect<player_deleted>> decide(const player_entity* entity,
                                             const delete_player& request) {
  const auto* player = living(entity);
  if (!player) return no_such_player();
  if (version_differs(request.if_version, *player)) return fail(errc::precondition_failed);

  player_record gone = *player;
  gone.deleted = true;
  gone.name = "deleted-" + to_string(player->id);
  gone.password_hash.clear();
  ++gone.version;
  player_deleted answer;
  for (const auto& s : entity->image.sessions) answer.ended_sessions.push_back(s.id);
  std::vector<row_change> rows{
    put_player{gone}, delete_library{player->id}, delete_sessions{player->id},
    put_job{make_name_job(release_name_job,
                          {fold_name(player->name), account_of(*player), player->name_op})}};
  for (const auto& entry : entity->image.library) rows.push_back(add_to_counter{entry.game_id, -1});
  return player_effect<player_deleted>{
    std::move(answer), std::move(rows),
    [gone](std::optional<player_entity>& hot) { hot = player_entity{player_image{gone, {}, {}}}; }};
}

result<player_effect<game_registered>> decide(
  const player_entity* entity, const register_game& request,
  const std::shared_ptr<const catalog_snapshot>& catalog) {
  if (!living(entity)) return no_such_player();
  if (!catalog->find_game(request.game_id)) return fail(errc::no_such_game);
  const auto& library = entity->image.library;
  auto at = library_position(library, request.game_id);
  if (at != library.end() && at->game_id == request.game_id)
    return player_effect<game_registered>{{false, at->registered_at}, {}};

  library_entry entry{request.game_id, now()};
  return player_effect<game_registered>{
    {true, entry.registered_at},
    {put_library_entry{request.player_id, entry}, add_to_counter{request.game_id, 1}},
    [entry](std::optional<player_entity>& hot) {
      auto& games = hot->image.library;
      games.insert(library_position(games, entry.game_id), entry);
    }};
}

result<player_effect<game_unregistered>> decide(const player_entity* entity,
                                                const unregister_game& request) {
  if (!living(entity)) return no_such_player();
  const auto& library = entity->image.library;
  auto at = library_position(library, request.game_id);
  if (at == library.end() || at->game_id != request.game_id)
    return player_effect<game_unregistered>{{false}, {}};
  return player_effect<game_unregistered>{
    {true},
    {delete_library_entry{request.player_id, request.game_id}, add_to_counter{request.game_id, -1}},
    [id = request.game_id](std::optional<player_entity>& hot) {
      auto& games = hot->image.library;
      games.erase(library_position(games, id));
    }};
}

result<player_effect<session_opened>> decide(const player_entity* entity,
                                             const open_session& request,
                                             std::size_t max_sessions) {
  if (!living(entity)) return no_such_player();
  return effect_of(open(entity->image.sessions, request.session, max_sessions));
}

result<player_effect<session_rotated>> decide(const player_entity* entity,
                                              const rotate_session& request) {
  if (!living(entity)) return fail(errc::invalid_token);
  auto change = rotate(entity->image.sessions, request);
  if (!change) return std::unexpected(change.error());
  return effect_of(std::move(*change));
}

result<player_effect<session_closed>> decide(const player_entity* entity,
                                             const close_session& request) {
  if (!living(entity)) return player_effect<session_closed>{{false}, {}};
  return effect_of(close(entity->image.sessions, request));
}

result<library_page> page_of(const player_entity* entity, const list_library& request) {
  if (!living(entity)) return no_such_player();
  const auto& library = entity->image.library;
  auto from = request.after
                ? std::ranges::upper_bound(library, *request.after, {}, &library_entry::game_id)
                : library.begin();
  auto size = std::min<std::size_t>(request.limit, static_cast<std::size_t>(library.end() - from));
  auto to = from + static_cast<std::ptrdiff_t>(size);
  return library_page{{from, to}, to != library.end()};
}

} // namespace troupe
