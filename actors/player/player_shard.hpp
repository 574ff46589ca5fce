#pragma once

#include <caf/all.hpp>
#include <cstddef>

#include "actors/api/interfaces.hpp"
#include "actors/api/router.hpp"
#include "actors/shard/shard_core.hpp"

namespace troupe {

using player_shard_actor = player_actor::extend_with<shard_actor>;

/// What a player shard needs of its node; all of it outlives the actor.
struct player_dependencies {
  const catalog_view* catalog = nullptr;
  const router* routes = nullptr; ///< to the directory, for name jobs
  std::size_t max_sessions = 20;  ///< per player
};

/// Spawns the actor of one player shard; it acquires its shard at once.
player_shard_actor spawn_player_shard(caf::actor_system& system, shard_settings settings,
                                      player_dependencies dependencies);

} // namespace troupe
