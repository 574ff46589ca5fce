#pragma once

#include "gateway/routes/views.hpp"

// Providers of events, as operators see them.

namespace troupe::gateway::views {

struct new_provider {
  std::string name;
  std::string url;
  std::optional<std::string> format;
  std::optional<std::uint32_t> interval_s;
  std::optional<std::string> time_zone;
  std::optional<bool> paused;
};

struct provider_change {
  std::optional<std::string> name;
  std::optional<std::string> url;
  std::optional<std::string> format;
  std::optional<std::uint32_t> interval_s;
  std::optional<std::string> time_zone;
  std::optional<bool> paused;
};

struct fetch_report {
  bool running = false;
  std::string circuit;
  std::optional<timestamp> started_at;
  std::optional<timestamp> finished_at;
  std::optional<timestamp> succeeded_at;
  std::uint32_t failures = 0;
  std::optional<std::string> failure;
  std::optional<std::string> detail;
  bool not_modified = false;
  std::optional<std::string> format;
  std::int64_t bytes = 0;
  std::int64_t events = 0;
  std::int64_t rejected = 0;
  std::int64_t changed = 0;
  std::int64_t took_ms = 0;
};

struct provider {
  uuid id;
  std::string name;
  std::string url;
  std::optional<std::string> format;
  std::uint32_t interval_s = 0;
  std::string time_zone;
  bool paused = false;
  timestamp created_at;
  fetch_report fetch;
};

struct provider_page {
  std::vector<provider> items;
  std::optional<std::string> next;
};

struct rejected {
  std::optional<std::string> base_id;
  std::optional<std::string> event_id;
  std::string reason;
  std::uint64_t line = 0;
};
struct rejects {
  std::vector<rejected> items;
};

struct answer_request {
  std::optional<std::uint32_t> piece;
};

struct event_change {
  std::int64_t version = 0;
  timestamp at;
  std::vector<std::string> changed;
  std::string title;
  std::string starts_at;
  std::string ends_at;
  bool online = false;
  bool sold_out = false;
  bool in_feed = false;
  std::optional<double> min_price;
  std::optional<double> max_price;
  std::uint32_t zones = 0;
};
struct event_history {
  std::vector<event_change> items;
  std::optional<std::string> next;
};

inline constexpr std::uint32_t default_interval_s = 60;
inline constexpr std::string_view default_time_zone = "UTC";

inline glz::schema feed_url(std::string_view description) {
  return {.description = description,
          .examples = std::vector<std::string_view>{"https://provider.example/api/events"},
          .minLength = std::uint64_t{8},
          .maxLength = std::uint64_t{2'000}};
}
inline glz::schema feed_format() {
  return {.description = "Of the feed: `eventList` or `planList`; empty or none: told by the feed",
          .examples = std::vector<std::string_view>{"eventList"},
          .maxLength = std::uint64_t{32}};
}
inline glz::schema interval() {
  return {.description = "Seconds between the starts of two fetches; 60 by default",
          .examples = std::vector<std::string_view>{"60"},
          .minimum = std::int64_t{1},
          .maximum = std::int64_t{86'400}};
}
inline glz::schema zone() {
  return {.description = "IANA's name of the zone of the feed's local times; UTC by default",
          .examples = std::vector<std::string_view>{"Europe/Madrid"},
          .maxLength = std::uint64_t{64}};
}
inline glz::schema pause_rule() {
  return {.description = "Whether it is fetched only when asked for"};
}

} // namespace troupe::gateway::views

// NOLINTBEGIN: glaze finds these by the names of the members

template <>
struct glz::json_schema<troupe::gateway::views::answer_request> {
  schema piece{.description = "Which one; 0, the first, by default",
               .examples = std::vector<std::string_view>{"0"},
               .minimum = std::int64_t{0},
               .maximum = std::int64_t{10'000}};
};

template <>
struct glz::json_schema<troupe::gateway::views::new_provider> {
  schema name = troupe::gateway::views::title("For people and metrics", "City halls");
  schema url = troupe::gateway::views::feed_url("http or https, without user and password");
  schema format = troupe::gateway::views::feed_format();
  schema interval_s = troupe::gateway::views::interval();
  schema time_zone = troupe::gateway::views::zone();
  schema paused = troupe::gateway::views::pause_rule();
};

template <>
struct glz::json_schema<troupe::gateway::views::provider_change> {
  schema name = troupe::gateway::views::title("For people and metrics", "City halls");
  schema url = troupe::gateway::views::feed_url("Another address of the feed");
  schema format = troupe::gateway::views::feed_format();
  schema interval_s = troupe::gateway::views::interval();
  schema time_zone = troupe::gateway::views::zone();
  schema paused = troupe::gateway::views::pause_rule();
};

template <>
struct glz::json_schema<troupe::gateway::views::fetch_report> {
  schema circuit = {.description = "`closed`; `open` after five failures in a row: only probed; "
                                   "`half-open` while it is"};
  schema succeeded_at = {.description = "When an answer last came, or was confirmed unchanged"};
  schema failures = {.description = "In a row"};
  schema failure = {.description = "Kind of the last fetch's failure; null when it succeeded"};
  schema not_modified = {.description = "The last fetch brought what was known"};
  schema bytes = {.description = "Of the last whole answer, decoded"};
  schema events = {.description = "Good ones in the last whole answer"};
  schema rejected = {.description = "Events of the last whole answer that were left out"};
  schema changed = {.description = "Events that the last fetch changed"};
  schema took_ms = {.description = "Milliseconds of the last fetch, storing included"};
};

template <>
struct glz::json_schema<troupe::gateway::views::provider> {
  schema id = troupe::gateway::views::described("A UUID", troupe::gateway::views::example_id);
  schema fetch = troupe::gateway::views::only_described("What its fetches have come to");
};

template <>
struct glz::json_schema<troupe::gateway::views::provider_page> {
  schema next = troupe::gateway::views::next_rule();
};

template <>
struct glz::json_schema<troupe::gateway::views::rejected> {
  schema reason = {.description = "Names element, attribute and the beginning of the value"};
  schema line = {.description = "Of the answer"};
};

template <>
struct glz::json_schema<troupe::gateway::views::event_change> {
  schema changed = {.description = "`new`, or the names of what changed"};
  schema starts_at = {.description = "Local time"};
  schema ends_at = {.description = "Local time"};
};

template <>
struct glz::json_schema<troupe::gateway::views::event_history> {
  schema next = troupe::gateway::views::next_rule();
};

// NOLINTEND
