#pragma once

#include "actors/provider/fetch/address_rules.hpp"
#include "actors/provider/fetch/fetch.hpp"

namespace troupe::provider {

/// `fetch` with another rule for addresses than `allow_private` gives, so that the rule can be tested on one
/// machine.
boost::asio::awaitable<fetch_outcome> fetch_where(boost::asio::ssl::context& tls,
                                                  fetch_request what, body_sink sink,
                                                  address_rule allowed);

} // namespace troupe::provider
