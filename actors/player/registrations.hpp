#pragma once

#include <caf/all.hpp>
#include <functional>
#include <vector>

#include "actors/api/interfaces.hpp"
#include "persistence/database_set.hpp"

namespace troupe {

/// Spawns the node's actor for reads over all players: it asks one reader of each database that is there
/// by then (`readers`) and merges their answers. One database out of reach fails the whole read: `storage_unavailable`.
registrations_actor spawn_registrations(caf::actor_system& system,
                                        std::function<std::vector<database_reader>()> readers);

} // namespace troupe
