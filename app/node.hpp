#pragma once

#include <atomic>
#include <caf/all.hpp>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "actors/api/catalog.hpp"
#include "actors/api/event_index.hpp"
#include "actors/api/interfaces.hpp"
#include "actors/api/password_pool.hpp"
#include "actors/api/revocation.hpp"
#include "actors/catalog/catalog_replica.hpp"
#include "actors/cluster/membership.hpp"
#include "actors/cluster/node_metrics.hpp"
#include "actors/cluster/placement_actor.hpp"
#include "actors/cluster/remote/interconnect.hpp"
#include "actors/cluster/shard_table.hpp"
#include "actors/provider/event_replica.hpp"
#include "actors/provider/fetcher.hpp"
#include "actors/shard/shard_board.hpp"
#include "base/error.hpp"
#include "base/metrics.hpp"
#include "base/uuid.hpp"
#include "config/settings.hpp"
#include "gateway/gateway.hpp"
#include "persistence/database_set.hpp"
#include "persistence/redis_port.hpp"

namespace troupe {

/// Everything of one node but its ports: the actor system, lanes and readers, the shards, the guard and
/// the password workers. One per process, owned by `serve`, whose thread starts and stops it.
class node {
public:
  /// Opens the databases and spawns the actors; the shards come to life by themselves afterwards.
  /// Errors: `storage_unavailable`, `internal`, with a detail for operators.
  /// `on_death` is called once, from another thread, when the others have declared this incarnation dead:
  /// nothing is served from then on, and the process should end.
  static result<std::unique_ptr<node>> start(const settings& config,
                                             std::function<void()> on_death);

  ~node();

  /// What the public gateway stands on.
  gateway::gateway_dependencies gateway_parts(const settings& config);

  /// Tells the others that this node is about to end, and lets them take over its shards, one by one;
  /// requests go on being answered, by whoever owns a shard. True when none is left here. Returns at once
  /// when nobody is there to take them.
  bool hand_over(std::chrono::steady_clock::time_point deadline, std::string_view why);

  /// Gives every shard up and lets lanes finish. True when all of it was done before `deadline`; when not,
  /// threads may hang and the process must leave by `_exit`. Call once, after the gateway was drained.
  bool stop(std::chrono::steady_clock::time_point deadline);

  const uuid& incarnation() const noexcept { return incarnation_; }
  metric_registry& metrics() noexcept { return *metrics_; }
  /// Of shards and links.
  const prometheus::Collectable& more_metrics() const noexcept { return *shown_; }
  caf::actor_system& system() noexcept { return *system_; }

  /// Every shard has an owner, this node has renewed within its lease and knows the catalogue.
  bool serving() const noexcept;
  /// While it starts, every shard has to have an owner. Later one without is on its way between nodes, or that of a
  /// dead one: no gateway does better than the others then, and requests wait for the next owner.
  std::vector<gateway::readiness_check> readiness(bool starting) const;
  std::string shards_json() const;
  std::string nodes_json() const;

private:
  explicit node(const settings& config);
  result<void> open(const settings& config);
  result<void> connect(const settings& config);
  void spawn_shards(const settings& config);
  void spawn_membership(const settings& config, std::function<void()> on_death);
  void spawn_placement(const settings& config);
  void spawn_guard_and_passwords(const settings& config);
  void on_transition(shard_ref ref, shard_state state, std::int64_t epoch);
  void place_soon() const;
  void end_users_of_databases();
  std::size_t shards_with_owner() const;

  std::shared_ptr<metric_registry> metrics_ = std::make_shared<metric_registry>();
  uuid incarnation_ = make_uuid_v7();
  caf::actor_system_config system_config_;
  std::unique_ptr<caf::actor_system> system_;
  std::unique_ptr<database_set> databases_;
  std::shared_ptr<membership_view> members_ = std::make_shared<membership_view>();
  membership_actor membership_;
  catalog_view catalog_;
  event_view events_;
  std::unique_ptr<shard_board> board_;
  std::unique_ptr<shard_table> table_;
  remote::owner_directory owners_;
  std::unique_ptr<remote::interconnect> links_;
  std::unique_ptr<transition_probe> transitions_;
  std::unique_ptr<node_metrics> shown_;
  placement_actor placement_;
  std::atomic<bool> placing_{false}; ///< `placement_` is there and stays
  catalog_replica_actor catalog_copy_;
  event_replica_actor event_copy_;
  std::shared_ptr<fetch_service> fetches_;
  std::mutex moved_mutex_;
  std::condition_variable moved_; ///< a shard of this node has changed its state
  std::vector<caf::actor> shards_;
  std::vector<caf::actor> services_; ///< everything else that must be told to end
  std::shared_ptr<revocation_set> revocations_ = std::make_shared<revocation_set>();
  std::shared_ptr<redis_status> redis_; ///< null: there is no Redis
  std::shared_ptr<password_pool> passwords_;
  guard_actor guard_;
  registrations_actor registrations_;
};

} // namespace troupe
