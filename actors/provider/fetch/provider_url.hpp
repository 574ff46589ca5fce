#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

namespace troupe::provider {

/// Where a request goes. For this folder's sources and the HTTP client of commands.
struct fetch_target {
  bool tls = false;
  std::string host; ///< a name or an address, without brackets
  std::uint16_t port = 0;
  std::string authority; ///< for the Host header
  std::string path;      ///< with the query
  std::string url;       ///< all of it, in normal form; what a redirect is relative to
};

/// Error: what is wrong with it, for whoever entered it.
std::expected<fetch_target, std::string> parse_url(std::string_view url);

/// `location` as the answer of `from` means it.
std::expected<fetch_target, std::string> follow(const fetch_target& from,
                                                std::string_view location);

} // namespace troupe::provider
