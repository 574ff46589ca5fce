#pragma once

#include <caf/all.hpp>
#include <functional>

#include "actors/api/interfaces.hpp"
#include "actors/provider/fetch_probe.hpp"
#include "actors/provider/fetcher.hpp"
#include "actors/provider/messages.hpp"
#include "actors/shard/shard_core.hpp"

namespace troupe {

using provider_shard_actor = provider_actor::extend_with<shard_actor>::extend_with<
  fetch_listener>::extend<caf::result<void>(fetch_due)>;

struct provider_dependencies {
  /// Starts a fetch that tells the listener what it reads. False: no more may run now; try again later.
  std::function<bool(fetch_order, fetch_listener)> start_fetch;
  bool allow_private = false;         ///< also addresses that are not public
  std::function<void()> on_change;    ///< after events or providers have changed and are durable
  metric_registry* metrics = nullptr; ///< never null
};

/// Spawns the actor of one shard of providers. While it is active it starts the fetches that are due, each
/// by a fetcher of its own that tells it what it reads; at the end of its tenure those find out by the
/// answer to what they say next.
provider_shard_actor spawn_provider_shard(caf::actor_system& system, shard_settings settings,
                                          provider_dependencies dependencies);

} // namespace troupe
