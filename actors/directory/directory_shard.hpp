#pragma once

#include <caf/all.hpp>

#include "actors/api/interfaces.hpp"
#include "actors/api/router.hpp"
#include "actors/shard/shard_core.hpp"

namespace troupe {

using directory_shard_actor = directory_actor::extend_with<shard_actor>;

struct directory_dependencies {
  const router* routes =
    nullptr; ///< to the accounts' families, about reservations nobody confirmed
};

/// Spawns the actor of one directory shard; it acquires its shard at once.
directory_shard_actor spawn_directory_shard(caf::actor_system& system, shard_settings settings,
                                            directory_dependencies dependencies);

} // namespace troupe
