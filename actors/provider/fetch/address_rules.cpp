#include "actors/provider/fetch/address_rules.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>

namespace troupe::provider {

namespace ip = boost::asio::ip;

namespace {

struct v4_range {
  std::array<std::uint8_t, 4> first;
  unsigned bits;
};

struct v6_range {
  std::array<std::uint8_t, 4> first; ///< of the address; no prefix here is longer
  unsigned bits;
};

constexpr auto not_public_v4 = std::to_array<v4_range>({
  {{0, 0, 0, 0}, 8},       // "this network"
  {{10, 0, 0, 0}, 8},      // private
  {{100, 64, 0, 0}, 10},   // shared by a carrier's customers
  {{127, 0, 0, 0}, 8},     // loopback
  {{169, 254, 0, 0}, 16},  // link-local, and where clouds answer with credentials
  {{172, 16, 0, 0}, 12},   // private
  {{192, 0, 0, 0}, 24},    // protocol assignments
  {{192, 0, 2, 0}, 24},    // documentation
  {{192, 88, 99, 0}, 24},  // former 6to4 relays
  {{192, 168, 0, 0}, 16},  // private
  {{198, 18, 0, 0}, 15},   // benchmarks
  {{198, 51, 100, 0}, 24}, // documentation
  {{203, 0, 113, 0}, 24},  // documentation
  {{224, 0, 0, 0}, 4},     // multicast
  {{240, 0, 0, 0}, 4},     // reserved, broadcast
});

/// Within 2000::/3; all else is not public, unless it stands for an IPv4 address.
constexpr auto not_public_v6 = std::to_array<v6_range>({
  {{0x20, 0x01, 0x00, 0x00}, 23}, // protocol assignments, Teredo and ORCHID among them
  {{0x20, 0x01, 0x0d, 0xb8}, 32}, // documentation
  {{0x20, 0x02, 0x00, 0x00}, 16}, // 6to4: leads to any IPv4 address
  {{0x3f, 0xff, 0x00, 0x00}, 20}, // documentation
});

bool within(std::span<const std::uint8_t> address, std::span<const std::uint8_t> first,
            unsigned bits) noexcept {
  const auto whole = bits / 8;
  if (!std::ranges::equal(address.first(whole), first.first(whole))) return false;
  const auto rest = bits % 8;
  return rest == 0 || (address[whole] ^ first[whole]) >> (8 - rest) == 0;
}

bool is_public_v4(std::span<const std::uint8_t> bytes) noexcept {
  return std::ranges::none_of(
    not_public_v4, [&](const v4_range& each) { return within(bytes, each.first, each.bits); });
}

bool is_public_v6(std::span<const std::uint8_t> bytes) noexcept {
  constexpr std::array<std::uint8_t, 12> mapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  constexpr std::array<std::uint8_t, 12> nat64{0, 0x64, 0xff, 0x9b}; // RFC 6052
  const auto beginning = bytes.first(12);
  if (std::ranges::equal(beginning, mapped) || std::ranges::equal(beginning, nat64))
    return is_public_v4(bytes.subspan(12));
  return bytes[0] >> 5 == 1 && std::ranges::none_of(not_public_v6, [&](const v6_range& each) {
           return within(bytes, each.first, each.bits);
         });
}

} // namespace

bool is_public(const ip::address& address) noexcept {
  return address.is_v4() ? is_public_v4(address.to_v4().to_bytes())
                         : is_public_v6(address.to_v6().to_bytes());
}

} // namespace troupe::provider
