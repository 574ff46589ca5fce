#include "actors/provider/feed/attribute_reader.hpp"

#include <charconv>

#include <fmt/format.h>

#include "base/text.hpp"

namespace troupe {

namespace {

/// The first bytes of a value, whole characters only: texts of others do not get far into ours.
std::string_view beginning(std::string_view value) {
  constexpr std::size_t most = 40;
  if (value.size() <= most) return value;
  auto end = most;
  while (end > 0 && (static_cast<unsigned char>(value[end]) & 0xC0) == 0x80) --end;
  return value.substr(0, end);
}

} // namespace

std::string attribute_reader::id(std::string_view name) {
  const char* value = needed(name);
  if (value == nullptr) return {};
  if (*value == '\0') refuse(name, "empty");
  return bounded(name, value, feed_bounds::id_bytes);
}

std::optional<std::string> attribute_reader::optional_id(std::string_view name) {
  if (attributes_.find(name) == nullptr) return std::nullopt;
  return id(name);
}

std::string attribute_reader::text(std::string_view name, bool may_be_empty) {
  const char* value = needed(name);
  if (value == nullptr) return {};
  if (*value == '\0' && !may_be_empty) refuse(name, "empty");
  return bounded(name, value, feed_bounds::text_bytes);
}

std::string_view attribute_reader::word(std::string_view name) {
  const char* value = needed(name);
  return value == nullptr ? std::string_view{} : value;
}

std::uint32_t attribute_reader::count(std::string_view name) {
  auto value = word(name);
  std::uint32_t number = 0;
  auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (error == std::errc{} && end == value.data() + value.size()) return number;
  refuse(name, "no number from 0 to 4294967295");
  return 0;
}

bool attribute_reader::flag(std::string_view name) {
  auto value = word(name);
  if (value == "true" || value == "1") return true;
  if (value != "false" && value != "0") refuse(name, "neither true nor false");
  return false;
}

feed_price attribute_reader::price(std::string_view name) {
  auto price = parse_price(word(name));
  if (!price) refuse(name, "no price from 0 to 1000000000000 with at most 4 decimals");
  return price.value_or(feed_price{});
}

local_time attribute_reader::time(std::string_view name) { return to_time(name, word(name)); }

std::optional<local_time> attribute_reader::optional_time(std::string_view name) {
  const char* value = attributes_.find(name);
  if (value == nullptr) return std::nullopt;
  return to_time(name, value);
}

void attribute_reader::refuse(std::string_view name, std::string_view what) {
  if (!problem_.empty()) return; // a value that is missing has been refused as such
  const char* value = attributes_.find(name);
  problem_ = fmt::format("{} {} {}: {}", element_, name,
                         in_quotes(beginning(value == nullptr ? "" : value)), what);
}

const char* attribute_reader::needed(std::string_view name) {
  const char* value = attributes_.find(name);
  if (value == nullptr && problem_.empty())
    problem_ = fmt::format("{} {}: missing", element_, name);
  return value;
}

std::string attribute_reader::bounded(std::string_view name, std::string_view value,
                                      std::size_t most) {
  if (value.size() <= most) return std::string{value};
  refuse(name, fmt::format("more than {} bytes", most));
  return {};
}

local_time attribute_reader::to_time(std::string_view name, std::string_view value) {
  auto time = parse_local_time(value);
  if (time) return *time;
  refuse(name, time.error());
  return {};
}

} // namespace troupe
