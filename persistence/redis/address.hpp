#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace troupe {

/// Where a Redis is and how to introduce oneself.
struct redis_address {
  std::string host; ///< empty when `socket_path` is set
  std::uint16_t port = 6379;
  std::string socket_path; ///< a unix socket
  std::string user;        ///< empty: the default user
  std::string password;    ///< empty: no AUTH
  std::uint32_t database = 0;
  bool tls = false; ///< the server's certificate must be valid for `host`

  bool operator==(const redis_address&) const = default;
};

/// Reads `redis://[[user]:password@]host[:port][/database]`, `rediss://` for TLS, and
/// `unix://[[user]:password@]/path[?db=N]`; user and password percent-encoded, IPv6 hosts in
/// brackets. Errors: `invalid_field`; the detail never holds the URL.
result<redis_address> parse_redis_url(std::string_view url);

/// For logs: the address without its secrets.
std::string to_string(const redis_address& address);

} // namespace troupe
