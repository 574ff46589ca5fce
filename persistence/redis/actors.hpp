#pragma once

#include <caf/all.hpp>
#include <chrono>
#include <memory>

#include "base/metrics.hpp"
#include "persistence/redis/address.hpp"
#include "persistence/redis/probe.hpp"
#include "persistence/redis_port.hpp"

namespace troupe {

/// What both Redis actors of a node need.
struct redis_setup {
  redis_address address;
  std::chrono::milliseconds timeout{100}; ///< of a round trip
  std::chrono::milliseconds connect_timeout{1'000};
  std::chrono::milliseconds shortest_pause{100};  ///< after a failed connect; doubles, with jitter,
  std::chrono::milliseconds longest_pause{5'000}; ///< up to this
  std::shared_ptr<redis_status> status = std::make_shared<redis_status>();
  std::shared_ptr<redis_probe> probe;
};

/// How long to wait before connect attempt number `failures + 1`: a random time between half and
/// all of `shortest * 2^failures`, so that nodes do not come back in step.
std::chrono::milliseconds redis_pause(const redis_setup& setup, std::uint32_t failures);

/// Starts the actor behind the port on a thread of its own. It connects by itself, and again after
/// each loss; meanwhile every request gets its receipt with `storage_unavailable` at once. The
/// requests that are in its mailbox together go out in one round trip. Ends when it is told to
/// exit.
redis_actor spawn_redis(caf::actor_system& system, redis_setup setup);

/// Starts the actor that hears of revocations, on a second connection and a thread of its own, and
/// tells `listener`. It ends with the listener.
caf::actor spawn_revocation_feed(caf::actor_system& system, redis_setup setup,
                                 revocation_listener listener);

} // namespace troupe
