#include "actors/password/worker.hpp"

#include <chrono>
#include <sodium.h>

#include "actors/api/errors.hpp"
#include "actors/password/argon2.hpp"

namespace troupe {

namespace {

prometheus::Histogram& seconds_of(metric_registry& metrics, const char* work) {
  return prometheus::BuildHistogram()
    .Name("troupe_password_seconds")
    .Help("Time to hash or to check one password")
    .Register(metrics)
    .Add({{"work", work}}, latency_buckets);
}

struct worker_state {
  argon2_cost cost;
  std::shared_ptr<password_probe> probe;
  std::string nobodys_hash; ///< of a password nobody knows, at the cost that new hashes have

  static double seconds_since(std::chrono::steady_clock::time_point began) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  }

  void start() {
    std::string unknown(32, '\0');
    randombytes_buf(unknown.data(), unknown.size());
    if (auto made = argon2_hash(unknown, cost)) nobodys_hash = std::move(*made);
  }

  caf::result<password_hashed> hash(std::string& password) {
    const auto began = std::chrono::steady_clock::now();
    auto encoded = argon2_hash(password, cost);
    sodium_memzero(password.data(), password.size());
    probe->hashed(seconds_since(began));
    if (!encoded) return to_caf_error(encoded.error());
    return password_hashed{std::move(*encoded)};
  }

  caf::result<password_verified> verify(std::string& password, const std::string& encoded) {
    const auto began = std::chrono::steady_clock::now();
    const bool known = !encoded.empty();
    const bool matches = argon2_matches(password, known ? encoded : nobodys_hash) && known;
    sodium_memzero(password.data(), password.size());
    probe->verified(seconds_since(began));
    return password_verified{matches};
  }
};

password_actor::behavior_type worker_behavior(password_actor::stateful_pointer<worker_state> self,
                                              argon2_cost cost,
                                              std::shared_ptr<password_probe> probe) {
  self->state.cost = cost;
  self->state.probe = std::move(probe);
  self->state.start();
  return {
    [self](hash_password& request) { return self->state.hash(request.password); },
    [self](verify_password& request) {
      return self->state.verify(request.password, request.encoded);
    },
  };
}

} // namespace

password_probe::password_probe(metric_registry& metrics)
  : hash_seconds_(seconds_of(metrics, "hash")), verify_seconds_(seconds_of(metrics, "verify")) {}

password_actor spawn_password_worker(caf::actor_system& system, const auth_settings& settings,
                                     std::shared_ptr<password_probe> probe) {
  const argon2_cost cost{.operations = settings.password_ops_limit,
                         .memory_bytes = settings.password_memory.bytes};
  return system.spawn<caf::detached>(worker_behavior, cost, std::move(probe));
}

std::shared_ptr<password_pool> make_password_pool(caf::actor_system& system,
                                                  const auth_settings& settings,
                                                  metric_registry& metrics) {
  auto probe = std::make_shared<password_probe>(metrics);
  std::vector<password_actor> workers;
  for (std::uint32_t i = 0; i < settings.password_workers; ++i)
    workers.push_back(spawn_password_worker(system, settings, probe));
  return std::make_shared<password_pool>(std::move(workers), settings.password_queue);
}

} // namespace troupe
