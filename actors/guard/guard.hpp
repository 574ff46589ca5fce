#pragma once

#include <caf/all.hpp>
#include <memory>

#include "actors/api/interfaces.hpp"
#include "actors/api/revocation.hpp"
#include "base/metrics.hpp"
#include "config/settings.hpp"
#include "persistence/redis_port.hpp"

namespace troupe {

/// What else the guard answers to: Redis, and its own clock.
using guard_service = guard_actor::extend_with<redis_client>::extend_with<
  revocation_listener>::extend<caf::result<void>(caf::tick_atom)>;

struct guard_setup {
  auth_settings auth;
  redis_actor redis;                    ///< invalid: there is no Redis
  std::shared_ptr<redis_status> status; ///< whether asking it makes sense now
  std::chrono::milliseconds redis_timeout{100};
  std::shared_ptr<revocation_set> revocations; ///< which it fills and everyone reads
  metric_registry* metrics = nullptr;          ///< outlives it

  std::size_t redis_requests = 1'000;     ///< under way at most; beyond it as if Redis were down
  std::size_t lockout_subjects = 100'000; ///< remembered by this node at most
  std::size_t unshared_limit = 10'000;    ///< revocations kept for a Redis that is down
  byte_size response_limit = kibibytes(64);
};

/// Starts the node's guard (actors/api/guard.hpp). It runs on CAF's scheduler and never blocks. It
/// shares what it knows through Redis; without Redis, or with one that does not answer in time, it
/// answers from what this node knows. When it dies, callers' requests fail and the node must be
/// restarted: it holds no state that a handler could break. It ends when it is told to exit.
guard_service spawn_guard(caf::actor_system& system, guard_setup setup);

} // namespace troupe
