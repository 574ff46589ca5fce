#include "actors/cluster/link/frame.hpp"

#include <algorithm>
#include <concepts>
#include <string_view>

namespace troupe::links {

namespace {

constexpr std::string_view magic = "TRLK";

/// Writes the fields of a hello one after the other.
class writer {
public:
  explicit writer(std::span<std::byte> to) : to_(to) {}

  template <std::unsigned_integral T>
  void number(T value) {
    for (auto shift = 8 * sizeof(T); shift > 0; shift -= 8)
      put(static_cast<std::byte>(value >> (shift - 8)));
  }
  void id(const uuid& value) {
    for (auto byte : value.bytes) put(std::byte{byte});
  }
  void put(std::byte value) {
    to_.front() = value;
    to_ = to_.subspan(1);
  }

private:
  std::span<std::byte> to_;
};

/// Reads them. The caller knows the size.
class reader {
public:
  explicit reader(std::span<const std::byte> from) : from_(from) {}

  template <std::unsigned_integral T>
  T number() {
    T out = 0;
    for (std::size_t i = 0; i < sizeof(T); ++i)
      out = static_cast<T>((std::uint64_t{out} << 8) | std::to_integer<std::uint64_t>(take()));
    return out;
  }
  uuid id() {
    uuid out;
    for (auto& byte : out.bytes) byte = std::to_integer<std::uint8_t>(take());
    return out;
  }
  std::byte take() {
    auto out = from_.front();
    from_ = from_.subspan(1);
    return out;
  }

private:
  std::span<const std::byte> from_;
};

} // namespace

frame_header_bytes encode(frame_header header) noexcept {
  frame_header_bytes out;
  writer to{out};
  to.number(header.size);
  to.number(static_cast<std::uint8_t>(header.kind));
  return out;
}

std::optional<frame_header> decode_frame_header(
  std::span<const std::byte, frame_header_size> in) noexcept {
  reader from{in};
  frame_header out;
  out.size = from.number<std::uint32_t>();
  out.kind = static_cast<frame_kind>(from.number<std::uint8_t>());
  switch (out.kind) {
    case frame_kind::data: return out;
    case frame_kind::ping:
    case frame_kind::bye:
      if (out.size == 0) return out;
  }
  return std::nullopt;
}

hello_bytes encode(const hello& what) noexcept {
  hello_bytes out;
  writer to{out};
  for (auto c : magic) to.put(static_cast<std::byte>(c));
  to.number(what.version);
  to.id(what.cluster);
  to.id(what.incarnation);
  to.id(what.expected);
  to.number(what.attempt);
  return out;
}

std::optional<hello> decode_hello(std::span<const std::byte, hello_size> in) noexcept {
  reader from{in};
  for (auto c : magic)
    if (from.take() != static_cast<std::byte>(c)) return std::nullopt;
  hello out;
  out.version = from.number<std::uint16_t>();
  out.cluster = from.id();
  out.incarnation = from.id();
  out.expected = from.id();
  out.attempt = from.number<std::uint64_t>();
  return out;
}

} // namespace troupe::links
