#include "config/units.hpp"

#include <array>
#include <charconv>
#include <limits>

namespace troupe {

namespace {

struct unit {
  std::string_view suffix;
  std::uint64_t factor;
};

// The largest first: formatting takes the first that divides the value.
constexpr std::array duration_units{unit{"d", 86'400'000}, unit{"h", 3'600'000}, unit{"m", 60'000},
                                    unit{"s", 1'000}, unit{"ms", 1}};
constexpr std::array size_units{unit{"GiB", 1ull << 30}, unit{"MiB", 1ull << 20},
                                unit{"KiB", 1ull << 10}, unit{"B", 1}};
constexpr std::array decimal_size_units{unit{"GB", 1'000'000'000}, unit{"MB", 1'000'000},
                                        unit{"kB", 1'000}};

/// The largest value that is still handled: far above every bound, far below an overflow.
constexpr std::uint64_t largest = std::uint64_t{1} << 62;

struct quantity {
  std::uint64_t whole = 0;
  std::uint64_t fraction = 0; ///< in units of 1/scale
  std::uint64_t scale = 1;
  std::string_view suffix;
};

/// Splits `1.5MiB` into its number, with up to three digits of fraction, and its suffix.
std::optional<quantity> split(std::string_view text) noexcept {
  quantity q;
  const char* end = text.data() + text.size();
  auto [at, error] = std::from_chars(text.data(), end, q.whole);
  if (error != std::errc{} || at == text.data()) return std::nullopt;
  if (at != end && *at == '.') {
    auto first = ++at;
    for (; at != end && *at >= '0' && *at <= '9'; ++at) {
      if (at - first == 3) return std::nullopt;
      q.fraction = q.fraction * 10 + static_cast<std::uint64_t>(*at - '0');
      q.scale *= 10;
    }
    if (at == first) return std::nullopt;
  }
  while (at != end && *at == ' ') ++at;
  q.suffix = {at, static_cast<std::size_t>(end - at)};
  return q;
}

std::optional<std::uint64_t> times(const quantity& q, std::uint64_t factor) noexcept {
  if (q.whole > largest / factor) return std::nullopt;
  auto part = q.fraction * factor;
  if (part % q.scale != 0) return std::nullopt; // finer than the smallest unit
  return q.whole * factor + part / q.scale;
}

template <std::size_t N>
std::optional<std::uint64_t> in_units(const quantity& q,
                                      const std::array<unit, N>& units) noexcept {
  for (const auto& u : units)
    if (u.suffix == q.suffix) return times(q, u.factor);
  return std::nullopt;
}

template <std::size_t N>
std::string format(std::uint64_t value, const std::array<unit, N>& units) {
  for (const auto& u : units)
    if (value % u.factor == 0 && (value != 0 || u.factor == 1))
      return std::to_string(value / u.factor) + std::string{u.suffix};
  return std::to_string(value);
}

} // namespace

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) noexcept {
  auto q = split(text);
  if (!q) return std::nullopt;
  if (q->suffix.empty() && q->whole == 0 && q->fraction == 0) return std::chrono::milliseconds{0};
  auto value = in_units(*q, duration_units);
  if (!value) return std::nullopt;
  return std::chrono::milliseconds{static_cast<std::int64_t>(*value)};
}

std::optional<byte_size> parse_byte_size(std::string_view text) noexcept {
  auto q = split(text);
  if (!q) return std::nullopt;
  if (q->suffix.empty()) q->suffix = "B";
  auto value = in_units(*q, size_units);
  if (!value) value = in_units(*q, decimal_size_units);
  if (!value) return std::nullopt;
  return byte_size{*value};
}

std::string to_string(std::chrono::milliseconds duration) {
  if (duration.count() == 0) return "0s";
  return format(static_cast<std::uint64_t>(duration.count()), duration_units);
}

std::string to_string(byte_size size) { return format(size.bytes, size_units); }

} // namespace troupe
