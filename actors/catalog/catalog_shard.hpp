#pragma once

#include <caf/all.hpp>
#include <cstddef>
#include <functional>

#include "actors/api/interfaces.hpp"
#include "actors/api/router.hpp"
#include "actors/shard/shard_core.hpp"

namespace troupe {

using catalog_shard_actor = catalog_actor::extend_with<shard_actor>;

struct catalog_dependencies {
  catalog_view* view = nullptr; ///< the node's copy, swapped after every change; outlives the actor
  const router* routes = nullptr;  ///< to the directory, for name jobs
  std::size_t max_sessions = 20;   ///< per staff account
  std::function<void()> on_change; ///< after each change is durable: for the other nodes' copies
};

/// Spawns the actor of the catalogue's one shard; when it acquires that, it publishes the
/// catalogue before it serves.
catalog_shard_actor spawn_catalog_shard(caf::actor_system& system, shard_settings settings,
                                        catalog_dependencies dependencies);

} // namespace troupe
