#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace troupe {

/// A point of UTC wall-clock time in whole milliseconds. For people and records only: no decision
/// about ownership or safety compares two of them.
struct timestamp {
  std::int64_t unix_ms = 0;

  auto operator<=>(const timestamp&) const = default;
};

timestamp now();

/// RFC 3339 in UTC with milliseconds: `2026-03-01T12:30:00.000Z`.
std::string to_string(timestamp t);

/// Reads RFC 3339 with any offset and up to nine digits of fraction (cut to milliseconds).
std::optional<timestamp> parse_timestamp(std::string_view text);

} // namespace troupe
