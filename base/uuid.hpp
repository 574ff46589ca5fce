#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace troupe {

/// A 128-bit identifier (RFC 9562). Ordered bytewise, so version 7 ids sort by creation time.
struct uuid {
  std::array<std::uint8_t, 16> bytes{};

  auto operator<=>(const uuid&) const = default;
  bool is_nil() const noexcept { return *this == uuid{}; }
};

/// A fresh UUIDv7: milliseconds since the Unix epoch, then a per-thread counter-seeded random tail
/// that keeps ids of one thread ascending within a millisecond. Safe to call from any thread.
uuid make_uuid_v7();

/// A UUIDv7 from given parts; for data that must come out the same for the same seed.
uuid make_uuid_v7(std::uint64_t unix_ms, std::uint64_t random_high,
                  std::uint64_t random_low) noexcept;

/// The canonical lower-case form with hyphens, 36 characters.
std::string to_string(const uuid& id);

/// Writes the 36 characters of the canonical form at `out`.
void format_to(const uuid& id, char* out) noexcept;

/// Reads the canonical form, in either case; nothing else (no braces, no `urn:`).
std::optional<uuid> parse_uuid(std::string_view text) noexcept;

} // namespace troupe

template <>
struct std::hash<troupe::uuid> {
  std::size_t operator()(const troupe::uuid& id) const noexcept {
    // The tail of a version 7 id is random; mixing in the head serves ids of other versions.
    std::uint64_t head = 0;
    std::uint64_t tail = 0;
    std::memcpy(&head, id.bytes.data(), 8);
    std::memcpy(&tail, id.bytes.data() + 8, 8);
    return static_cast<std::size_t>(tail ^ (head * 0x9E3779B97F4A7C15ull));
  }
};
