#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <prometheus/collectable.h>

#include "actors/api/catalog.hpp"
#include "actors/api/event_index.hpp"
#include "actors/api/interfaces.hpp"
#include "actors/api/password_pool.hpp"
#include "actors/api/revocation.hpp"
#include "actors/api/router.hpp"
#include "base/error.hpp"
#include "base/metrics.hpp"
#include "config/settings.hpp"

namespace troupe::gateway {

/// What the gateway stands on. All outlive it.
struct gateway_dependencies {
  caf::actor_system& system;
  const settings& config;
  const router& routes;
  const catalog_view& catalog;
  const event_view& events;
  guard_actor guard;
  password_pool& passwords;
  registrations_actor registrations;
  catalog_refresher catalog_copy;
  const revocation_set& revocations;
  metric_registry& metrics;
};

/// The public port: the REST API with its document and its page. One per node.
/// Its functions are for the thread that owns it.
class public_gateway {
public:
  explicit public_gateway(gateway_dependencies on);
  ~public_gateway();

  /// Opens the port and starts the threads. Errors: `internal` with a text for the operator.
  result<void> start();

  /// The port that was opened.
  std::uint16_t port() const noexcept;

  /// Stops accepting and finishes what is under way, at most until `deadline`. True when all of it
  /// was done.
  bool drain(std::chrono::steady_clock::time_point deadline);

  /// Ends every connection and the threads.
  void stop();

  /// Its own metrics, counted per thread and summed when asked. Valid as long as the gateway.
  const prometheus::Collectable& metrics() const noexcept;

private:
  class implementation;
  std::unique_ptr<implementation> implementation_;
};

/// One thing that must be well for the node to be ready.
struct readiness_check {
  std::string name;
  bool ready = false;
  std::string detail;   ///< for the operator
  bool required = true; ///< false: shown, but does not decide
};

/// What the operations port shows and does. Called on its own thread; none of them may block for
/// long.
struct operations_callbacks {
  std::function<std::vector<readiness_check>()> readiness;
  std::function<bool()> started;        ///< start-up is over
  std::function<std::string()> config;  ///< JSON, secrets masked
  std::function<std::string()> shards;  ///< JSON
  std::function<std::string()> nodes;   ///< JSON
  std::function<std::string()> version; ///< JSON
  /// Besides those of the registry.
  std::function<std::vector<prometheus::MetricFamily>()> metrics;
  std::function<void()> drain; ///< asks the node to drain and end, and returns at once
};

/// The operations port: health, metrics, insight, draining. Not for the public. Has a thread of its
/// own, so that it answers however busy the node is. Its functions are for the thread that owns it.
class operations_port {
public:
  operations_port(const operations_settings& config, caf::actor_system& system,
                  metric_registry& metrics, operations_callbacks callbacks);
  ~operations_port();

  result<void> start();
  std::uint16_t port() const noexcept;
  void stop();

  /// Shows these metrics as well; null: none. They must stay valid until it is called again.
  void show(const prometheus::Collectable* more);

private:
  class implementation;
  std::unique_ptr<implementation> implementation_;
};

/// The API's document as docs/api/openapi.json holds it, for `troupe openapi`.
std::string openapi_text();

} // namespace troupe::gateway
