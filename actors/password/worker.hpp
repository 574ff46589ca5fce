#pragma once

#include <caf/all.hpp>
#include <memory>

#include "actors/api/password_pool.hpp"
#include "base/metrics.hpp"
#include "config/settings.hpp"

namespace troupe {

/// Metrics of the password workers. Shared by all of them; any thread.
class password_probe {
public:
  explicit password_probe(metric_registry& metrics);

  void hashed(double seconds) { hash_seconds_.Observe(seconds); }
  void verified(double seconds) { verify_seconds_.Observe(seconds); }

private:
  prometheus::Histogram& hash_seconds_;
  prometheus::Histogram& verify_seconds_;
};

/// Starts one worker on a thread of its own. Argon2id takes tens of milliseconds of a core and
/// `password_memory` bytes, which it gives back after each password. Errors: `overloaded` when
/// there is not that much memory.
password_actor spawn_password_worker(caf::actor_system& system, const auth_settings& settings,
                                     std::shared_ptr<password_probe> probe);

/// Starts `password_workers` of them, with `password_queue` passwords under way at most.
std::shared_ptr<password_pool> make_password_pool(caf::actor_system& system,
                                                  const auth_settings& settings,
                                                  metric_registry& metrics);

} // namespace troupe
