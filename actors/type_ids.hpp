#pragma once

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/type_id.hpp>

#include "actors/api/type_ids.hpp"

// Type ids of messages that only this folder's actors exchange.

namespace troupe {

struct release_shard;
struct shard_released;

} // namespace troupe

CAF_BEGIN_TYPE_ID_BLOCK(troupe_actors, caf::id_block::troupe_api::end)
  CAF_ADD_TYPE_ID(troupe_actors, (troupe::release_shard))
  CAF_ADD_TYPE_ID(troupe_actors, (troupe::shard_released))
CAF_END_TYPE_ID_BLOCK(troupe_actors)

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::release_shard)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::shard_released)
