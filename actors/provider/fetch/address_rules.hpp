#pragma once

#include <boost/asio/ip/address.hpp>

namespace troupe::provider {

/// Whether an address is one of the public Internet's: not loopback, private, link-local, shared (RFC 6598),
/// multicast, documentation or otherwise reserved by IANA's special-purpose registries (RFC 6890). An IPv6
/// address that stands for an IPv4 one is judged as that.
bool is_public(const boost::asio::ip::address& address) noexcept;

/// Which addresses may be connected to.
using address_rule = bool (*)(const boost::asio::ip::address& address) noexcept;

} // namespace troupe::provider
