#pragma once

#include <caf/typed_actor.hpp>
#include <chrono>

#include "actors/api/event_index.hpp"
#include "actors/type_ids.hpp"
#include "persistence/database_set.hpp"
#include "persistence/ports.hpp"

namespace troupe {

/// Asks a node's copy of the events to look for what is new.
struct refresh_events {};

/// Keeps this node's search index: reads what came after the last number of each shard's sequence from the
/// databases, when it is told that there is something and by itself now and then, and publishes a new index.
/// The first one is published when every shard was read to its end. One per node.
/// `tick` is its own poll, `flush` what it put off.
using event_replica_actor =
  shard_client::extend<caf::result<void>(refresh_events), caf::result<void>(caf::tick_atom),
                       caf::result<void>(caf::flush_atom)>;

struct event_replica_settings {
  std::chrono::milliseconds poll{2'000};
  bool only_available_prices = false; ///< prices over zones with places left
};

/// `databases` and `view` outlive the actor.
event_replica_actor spawn_event_replica(caf::actor_system& system, const database_set& databases,
                                        event_view& view, const event_replica_settings& settings);

} // namespace troupe
