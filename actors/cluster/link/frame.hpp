#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "base/uuid.hpp"

namespace troupe::links {

// What goes over a link, after the TLS handshake: a hello from each side, then frames. Numbers are
// big-endian.
//
//   hello (62 bytes): "TRLK", version u16, cluster 16, incarnation 16, expected incarnation 16, attempt u64
//   frame:            payload size u32, kind u8, payload
//
// The side that dialled sends its hello first and gets an answer only when the other side wants it.

inline constexpr std::uint16_t protocol_version = 1;

enum class frame_kind : std::uint8_t {
  data = 1, ///< for whoever uses the link
  ping = 2, ///< says only that the sender is alive; no payload, no answer
  bye = 3,  ///< the sender closes the link on purpose; no payload, nothing follows
};

struct frame_header {
  std::uint32_t size = 0; ///< of the payload, bytes
  frame_kind kind = frame_kind::data;
};

inline constexpr std::size_t frame_header_size = 5; ///< bytes
using frame_header_bytes = std::array<std::byte, frame_header_size>;

frame_header_bytes encode(frame_header header) noexcept;

/// Nothing when it is no frame of this protocol: an unknown kind, or a payload where none belongs.
std::optional<frame_header> decode_frame_header(
  std::span<const std::byte, frame_header_size> in) noexcept;

/// What a node says of itself first.
struct hello {
  std::uint16_t version = protocol_version;
  uuid cluster;
  uuid incarnation;
  uuid expected; ///< whom the side that dialled wants to reach; nil in the answer
  /// Numbers the dials of the side that dialled, so that both sides agree which of two links is newer.
  std::uint64_t attempt = 0;

  bool operator==(const hello&) const = default;
};

inline constexpr std::size_t hello_size = 62; ///< bytes
using hello_bytes = std::array<std::byte, hello_size>;

hello_bytes encode(const hello& what) noexcept;

/// Nothing when it does not begin as a hello; any version is read.
std::optional<hello> decode_hello(std::span<const std::byte, hello_size> in) noexcept;

} // namespace troupe::links
