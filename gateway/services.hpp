#pragma once

#include "actors/api/catalog.hpp"
#include "actors/api/event_index.hpp"
#include "actors/api/interfaces.hpp"
#include "actors/api/password_pool.hpp"
#include "actors/api/revocation.hpp"
#include "actors/api/router.hpp"
#include "config/settings.hpp"
#include "gateway/auth/tokens.hpp"
#include "gateway/keys.hpp"
#include "gateway/limits/rate_limiter.hpp"

namespace troupe::gateway {

/// Everything that answers to requests need, the same for all gateway threads. Made by the gateway;
/// its parts are immutable or safe from any thread.
struct services {
  const settings& config;
  const router& routes;
  const catalog_view& catalog;
  const event_view& events;
  guard_actor guard;
  password_pool& passwords;
  registrations_actor registrations;
  catalog_refresher catalog_copy;
  const revocation_set& revocations;
  token_authority tokens;
  refresh_token_source refresh_tokens;
  mutable rate_limiter limiter; ///< locks for itself
  gateway_keys keys;

  services(const settings& given, const router& to, const catalog_view& view,
           const event_view& shown, guard_actor guarding, password_pool& pool,
           registrations_actor reader, catalog_refresher refresher, const revocation_set& revoked,
           metric_registry& metrics)
    : config(given),
      routes(to),
      catalog(view),
      events(shown),
      guard(std::move(guarding)),
      passwords(pool),
      registrations(std::move(reader)),
      catalog_copy(std::move(refresher)),
      revocations(revoked),
      tokens(given.auth),
      refresh_tokens(given.auth),
      limiter(given.limits, metrics),
      keys(given.auth.signing_key.value) {}
};

} // namespace troupe::gateway
