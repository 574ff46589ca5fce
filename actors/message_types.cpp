#include "actors/message_types.hpp"

#include <caf/all.hpp>

#include "actors/api/interfaces.hpp"
#include "actors/cluster/membership.hpp"
#include "actors/cluster/placement_actor.hpp"
#include "actors/provider/event_replica.hpp"
#include "actors/provider/fetcher.hpp"
#include "actors/provider/messages.hpp"
#include "actors/shard/shard_core.hpp"
#include "actors/type_ids.hpp"
#include "persistence/caf_errors.hpp"
#include "persistence/ports.hpp"
#include "persistence/redis_port.hpp"

namespace troupe {

void register_message_types() {
  caf::core::init_global_meta_objects();
  caf::init_global_meta_objects<caf::id_block::troupe_persistence>();
  caf::init_global_meta_objects<caf::id_block::troupe_api>();
  caf::init_global_meta_objects<caf::id_block::troupe_actors>();
}

} // namespace troupe
