#pragma once

#include <caf/typed_actor.hpp>
#include <chrono>
#include <functional>
#include <memory>

#include "actors/cluster/membership.hpp"
#include "actors/cluster/placement.hpp"
#include "actors/cluster/shard_table.hpp"
#include "actors/type_ids.hpp"
#include "base/metrics.hpp"
#include "persistence/database_set.hpp"
#include "persistence/placement_store.hpp"

namespace troupe {

namespace remote {
class interconnect;
}

/// Something changed that placement may act on.
struct place_now {};

/// Another node wants a shard of this one.
struct hand_off_asked {
  uuid node;
  shard_ref ref;
  std::int64_t epoch = 0;
};

/// Runs placement on a thread of its own: looks at the fences about every second, more often while a shard
/// is wanted here or on its way to another database, and tells the node's shard actors what to acquire and what to release. Makes this node
/// active as soon as it is linked with the others, or after `link_patience` without. One per node.
using placement_actor =
  caf::typed_actor<caf::result<void>(place_now), caf::result<void>(hand_off_asked),
                   caf::result<void>(caf::tick_atom)>;

/// What it works with; all of it outlives the actor.
struct placement_parts {
  std::shared_ptr<placement_store> store;
  const membership_view* members = nullptr;
  membership_actor membership;
  database_set* databases = nullptr;
  const shard_board* board = nullptr;
  const shard_table* table = nullptr;
  remote::owner_directory* owners = nullptr;
  remote::interconnect* links = nullptr;
  std::chrono::milliseconds link_patience{3'000};
};

placement_actor spawn_placement(caf::actor_system& system, placement::settings settings,
                                placement_parts parts);

} // namespace troupe
