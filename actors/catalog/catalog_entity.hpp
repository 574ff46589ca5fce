#pragma once

#include <cstddef>
#include <memory>

#include "actors/api/catalog.hpp"
#include "actors/api/player.hpp"
#include "actors/api/session.hpp"
#include "actors/shard/shard_command.hpp"

namespace troupe {

/// The whole catalogue as its shard holds it, and what its commands decide.
struct catalog_entity {
  catalog_image image;
  std::shared_ptr<const catalog_snapshot> snapshot; ///< of the image without the sessions

  explicit catalog_entity(catalog_image loaded);
  void renew_snapshot();

  /// It always stays in memory, so it counts for nothing.
  std::size_t bytes() const noexcept { return 0; }
};

inline constexpr std::size_t max_studios = 10'000;
inline constexpr std::size_t max_games_per_studio = 1'000;

template <class Answer>
using catalog_effect = effect<Answer, catalog_entity>;

result<catalog_effect<studio_created>> decide(const catalog_entity* catalog,
                                              const create_studio& request, const uuid& op_id);
result<catalog_effect<game_created>> decide(const catalog_entity* catalog,
                                            const create_game& request);
result<catalog_effect<session_opened>> decide(const catalog_entity* catalog,
                                              const open_session& request,
                                              std::size_t max_sessions);
result<catalog_effect<session_rotated>> decide(const catalog_entity* catalog,
                                               const rotate_session& request);
result<catalog_effect<session_closed>> decide(const catalog_entity* catalog,
                                              const close_session& request);

} // namespace troupe
