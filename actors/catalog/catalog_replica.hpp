#pragma once

#include <caf/typed_actor.hpp>

#include "actors/api/interfaces.hpp"
#include "actors/shard/shard_board.hpp"
#include "actors/type_ids.hpp"
#include "persistence/database_set.hpp"
#include "persistence/ports.hpp"

namespace troupe {

/// Keeps this node's copy of the catalogue while another node owns the catalogue's shard: reads it from the
/// database when it is told to; what comes while it reads waits for the next reading. While this node is
/// the owner, the shard actor publishes and this one only answers. After a move to another database it answers
/// when this node knows which. Errors: those of the storage, at once.
using catalog_replica_actor = shard_client::extend_with<catalog_refresher>;

/// `databases`, `board` and `view` outlive the actor.
catalog_replica_actor spawn_catalog_replica(caf::actor_system& system,
                                            const database_set& databases, const shard_board& board,
                                            catalog_view& view);

} // namespace troupe
