#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/beast/core/tcp_stream.hpp>

#include <chrono>

#include "actors/provider/fetch/address_rules.hpp"
#include "actors/provider/fetch/problem.hpp"
#include "actors/provider/fetch/provider_url.hpp"

namespace troupe::provider {

/// A connection to the target's host, of whose addresses only those that `allowed` allows are tried. Each gets
/// its share of the time until `deadline`.
boost::asio::awaitable<fetch_result<boost::beast::tcp_stream>> dial(
  const fetch_target& target, address_rule allowed, std::chrono::steady_clock::time_point deadline);

} // namespace troupe::provider
