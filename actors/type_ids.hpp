#pragma once

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/type_id.hpp>

#include "actors/api/type_ids.hpp"

// Type ids of messages that only this folder's actors exchange.

namespace troupe {

struct release_shard;
struct shard_released;
struct acquire_shard;
struct change_member_state;
struct member_state_changed;
struct place_now;
struct hand_off_asked;
struct look_now;
struct store_events;
struct events_stored;
struct drop_missing;
struct keep_answer;
struct end_fetch;
struct run_fetch;
struct fetch_due;
struct refresh_events;

} // namespace troupe

CAF_BEGIN_TYPE_ID_BLOCK(troupe_actors, caf::id_block::troupe_api::end)
CAF_ADD_TYPE_ID(troupe_actors, (troupe::release_shard))
CAF_ADD_TYPE_ID(troupe_actors, (troupe::shard_released))
CAF_ADD_TYPE_ID(troupe_actors, (troupe::acquire_shard))
CAF_ADD_TYPE_ID(troupe_actors, (troupe::change_member_state))
CAF_ADD_TYPE_ID(troupe_actors, (troupe::member_state_changed))
CAF_ADD_TYPE_ID(troupe_actors, (troupe::place_now))
CAF_ADD_TYPE_ID(troupe_actors, (troupe::hand_off_asked))
CAF_ADD_TYPE_ID(troupe_actors, (troupe::look_now))
CAF_ADD_TYPE_ID(troupe_actors, (troupe::store_events))
CAF_ADD_TYPE_ID(troupe_actors, (troupe::events_stored))
CAF_ADD_TYPE_ID(troupe_actors, (troupe::end_fetch))
CAF_ADD_TYPE_ID(troupe_actors, (troupe::drop_missing))
CAF_ADD_TYPE_ID(troupe_actors, (troupe::keep_answer))
CAF_ADD_TYPE_ID(troupe_actors, (troupe::run_fetch))
CAF_ADD_TYPE_ID(troupe_actors, (troupe::outcome<troupe::events_stored>))
CAF_ADD_TYPE_ID(troupe_actors, (troupe::fetch_due))
CAF_ADD_TYPE_ID(troupe_actors, (troupe::refresh_events))
CAF_END_TYPE_ID_BLOCK(troupe_actors)

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::release_shard)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::shard_released)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::acquire_shard)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::change_member_state)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::member_state_changed)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::look_now)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::hand_off_asked)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::place_now)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::store_events)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::events_stored)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::end_fetch)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::drop_missing)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::keep_answer)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::run_fetch)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::outcome<troupe::events_stored>)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::fetch_due)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::refresh_events)
