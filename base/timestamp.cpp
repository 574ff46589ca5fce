#include "base/timestamp.hpp"

#include <array>
#include <charconv>
#include <chrono>
#include <cstdio>

namespace troupe {

namespace {

/// Reads exactly `width` decimal digits at the front of `text` and drops them from it.
std::optional<int> take_digits(std::string_view& text, std::size_t width) {
  if (text.size() < width) return std::nullopt;
  int value = 0;
  for (std::size_t i = 0; i < width; ++i) {
    if (text[i] < '0' || text[i] > '9') return std::nullopt;
    value = value * 10 + (text[i] - '0');
  }
  text.remove_prefix(width);
  return value;
}

bool take(std::string_view& text, char lower, char upper) {
  if (text.empty() || (text.front() != lower && text.front() != upper)) return false;
  text.remove_prefix(1);
  return true;
}

bool take(std::string_view& text, char c) { return take(text, c, c); }

std::optional<int> take_fraction_ms(std::string_view& text) {
  if (!take(text, '.')) return 0;
  int ms = 0;
  std::size_t digits = 0;
  while (!text.empty() && text.front() >= '0' && text.front() <= '9') {
    if (digits < 3) ms = ms * 10 + (text.front() - '0');
    text.remove_prefix(1);
    if (++digits > 9) return std::nullopt;
  }
  if (digits == 0) return std::nullopt;
  for (; digits < 3; ++digits) ms *= 10;
  return ms;
}

/// The offset from UTC in minutes.
std::optional<int> take_offset(std::string_view& text) {
  if (take(text, 'z', 'Z')) return 0;
  int sign = take(text, '+') ? 1 : take(text, '-') ? -1 : 0;
  if (sign == 0) return std::nullopt;
  auto hours = take_digits(text, 2);
  if (!hours || *hours > 23 || !take(text, ':')) return std::nullopt;
  auto minutes = take_digits(text, 2);
  if (!minutes || *minutes > 59) return std::nullopt;
  return sign * (*hours * 60 + *minutes);
}

} // namespace

timestamp now() {
  using namespace std::chrono;
  return {duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count()};
}

std::string to_string(timestamp t) {
  using namespace std::chrono;
  sys_time<milliseconds> point{milliseconds{t.unix_ms}};
  auto day = floor<days>(point);
  year_month_day date{day};
  hh_mm_ss time{point - day};
  std::array<char, 48> text{};
  int size = std::snprintf(
    text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ", static_cast<int>(date.year()),
    static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
    static_cast<int>(time.hours().count()), static_cast<int>(time.minutes().count()),
    static_cast<int>(time.seconds().count()), static_cast<int>(time.subseconds().count()));
  return {text.data(), static_cast<std::size_t>(size)};
}

std::optional<timestamp> parse_timestamp(std::string_view text) {
  using namespace std::chrono;
  auto year_part = take_digits(text, 4);
  if (!year_part || !take(text, '-')) return std::nullopt;
  auto month_part = take_digits(text, 2);
  if (!month_part || !take(text, '-')) return std::nullopt;
  auto day_part = take_digits(text, 2);
  if (!day_part || !take(text, 't', 'T')) return std::nullopt;
  auto hour = take_digits(text, 2);
  if (!hour || *hour > 23 || !take(text, ':')) return std::nullopt;
  auto minute = take_digits(text, 2);
  if (!minute || *minute > 59 || !take(text, ':')) return std::nullopt;
  auto second = take_digits(text, 2);
  if (!second || *second > 59) return std::nullopt;
  auto fraction = take_fraction_ms(text);
  if (!fraction) return std::nullopt;
  auto offset = take_offset(text);
  if (!offset || !text.empty()) return std::nullopt;
  year_month_day date{year{*year_part}, month{static_cast<unsigned>(*month_part)},
                      std::chrono::day{static_cast<unsigned>(*day_part)}};
  if (!date.ok()) return std::nullopt;
  auto point = sys_days{date} + hours{*hour} + minutes{*minute - *offset} + seconds{*second} +
               milliseconds{*fraction};
  return timestamp{duration_cast<milliseconds>(point.time_since_epoch()).count()};
}

} // namespace troupe
