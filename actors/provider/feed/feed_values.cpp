#include <charconv>

#include <fmt/format.h>

#include "actors/provider/feed/feed.hpp"

namespace troupe {

namespace {

constexpr std::int64_t units_per_one = 10'000;
constexpr std::int64_t most_units = 1'000'000'000'000 * units_per_one;
constexpr std::size_t whole_digits = 13; // of 10^12
constexpr std::size_t decimals = 4;

/// The number that `text` is, digits only.
std::optional<std::int64_t> read_digits(std::string_view text) {
  std::int64_t value = 0;
  if (text.empty() || text.front() == '-') return std::nullopt;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

} // namespace

std::optional<feed_price> parse_price(std::string_view text) {
  auto point = text.find('.');
  auto whole_text = text.substr(0, point);
  if (whole_text.size() > whole_digits) return std::nullopt;
  auto whole = read_digits(whole_text);
  if (!whole) return std::nullopt;
  feed_price price{*whole * units_per_one};
  if (point != std::string_view::npos) {
    auto part_text = text.substr(point + 1);
    if (part_text.size() > decimals) return std::nullopt;
    auto part = read_digits(part_text);
    if (!part) return std::nullopt;
    for (auto missing = decimals - part_text.size(); missing > 0; --missing) *part *= 10;
    price.units += *part;
  }
  if (price.units > most_units) return std::nullopt;
  return price;
}

std::string to_string(feed_price price) {
  auto text = fmt::format("{}.{:04}", price.units / units_per_one, price.units % units_per_one);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text;
}

std::expected<local_time, std::string_view> parse_local_time(std::string_view text) {
  using namespace std::chrono;
  constexpr std::string_view form = "0000-00-00T00:00:00";
  constexpr std::string_view wrong_form = "no local time such as 2021-06-30T21:00:00";
  if (text.size() != form.size()) return std::unexpected(wrong_form);
  for (std::size_t i = 0; i < form.size(); ++i) {
    bool is_digit = text[i] >= '0' && text[i] <= '9';
    if (form[i] == '0' ? !is_digit : text[i] != form[i]) return std::unexpected(wrong_form);
  }
  auto number = [&](std::size_t from, std::size_t count) {
    int value = 0;
    for (char digit : text.substr(from, count)) value = value * 10 + (digit - '0');
    return value;
  };
  year_month_day date{year{number(0, 4)}, month(static_cast<unsigned>(number(5, 2))),
                      day(static_cast<unsigned>(number(8, 2)))};
  // Postgres has no year 0.
  if (!date.ok() || date.year() == year{0}) return std::unexpected("no such date");
  int hour = number(11, 2);
  int minute = number(14, 2);
  int second = number(17, 2);
  if (hour > 23 || minute > 59 || second > 59) return std::unexpected("no such time of day");
  return local_days{date} + hours{hour} + minutes{minute} + seconds{second};
}

std::string to_string(local_time time) {
  using namespace std::chrono;
  auto day = floor<days>(time);
  year_month_day date{day};
  hh_mm_ss clock{time - day};
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count());
}

} // namespace troupe
