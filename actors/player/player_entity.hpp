#pragma once

#include <cstddef>
#include <memory>
#include <optional>

#include "actors/api/catalog.hpp"
#include "actors/api/player.hpp"
#include "actors/shard/shard_command.hpp"
#include "persistence/records.hpp"

namespace troupe {

/// A player's hot state, and what its commands decide: plain functions without an actor around them.
struct player_entity {
  player_image image;

  std::size_t bytes() const noexcept;

  /// Null for a deleted player.
  const player_record* living() const noexcept {
    return image.player.deleted ? nullptr : &image.player;
  }
};

template <class Answer>
using player_effect = effect<Answer, player_entity>;

player_profile profile_of(const player_record& player);

// Each decision gets the entity, nullptr when there is no such row, and gives the effect or the error.

/// `op_id` of the call is the operation that reserved the name.
result<player_effect<player_profile>> decide(const player_entity* entity,
                                             const create_player& request, const uuid& op_id);
result<player_effect<player_updated>> decide(const player_entity* entity,
                                             const update_player& request, const uuid& op_id);
result<player_effect<player_deleted>> decide(const player_entity* entity,
                                             const delete_player& request);
result<player_effect<game_registered>> decide(
  const player_entity* entity, const register_game& request,
  const std::shared_ptr<const catalog_snapshot>& catalog);
result<player_effect<game_unregistered>> decide(const player_entity* entity,
                                                const unregister_game& request);
result<player_effect<session_opened>> decide(const player_entity* entity,
                                             const open_session& request, std::size_t max_sessions);
result<player_effect<session_rotated>> decide(const player_entity* entity,
                                              const rotate_session& request);
result<player_effect<session_closed>> decide(const player_entity* entity,
                                             const close_session& request);

result<library_page> page_of(const player_entity* entity, const list_library& request);

} // namespace troupe
