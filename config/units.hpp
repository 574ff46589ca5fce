#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace troupe {

/// A number of bytes, written `256KiB` in configurations.
struct byte_size {
  std::uint64_t bytes = 0;

  auto operator<=>(const byte_size&) const = default;
};

constexpr byte_size kibibytes(std::uint64_t count) noexcept { return {count << 10}; }
constexpr byte_size mebibytes(std::uint64_t count) noexcept { return {count << 20}; }

/// Text that is never logged, shown or compared by accident.
struct secret {
  std::string value;

  bool empty() const noexcept { return value.empty(); }
};

/// Reads `500ms`, `2s`, `15m`, `12h` or `30d`, also `1.5s`; a number without a unit only when it is 0.
std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) noexcept;

/// Reads `512`, `512B`, `256KiB`, `1.5MiB`, `2GiB`, and decimal `kB`, `MB`, `GB`.
std::optional<byte_size> parse_byte_size(std::string_view text) noexcept;

/// The shortest form that reads back as the same value.
std::string to_string(std::chrono::milliseconds duration);
std::string to_string(byte_size size);

} // namespace troupe
