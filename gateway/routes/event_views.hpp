#pragma once

#include "gateway/routes/views.hpp"

// The search of events. Names and forms are those of its published contract
// (tests/data/events/search-openapi.yaml).

namespace troupe::gateway::views {

struct event_search {
  std::optional<timestamp> starts_at;
  std::optional<timestamp> ends_at;
};

struct event_page_search {
  std::optional<timestamp> starts_at;
  std::optional<timestamp> ends_at;
  std::optional<std::string> provider;
  std::optional<std::string> title;
  std::optional<bool> available;
  std::optional<std::uint32_t> limit;
  std::optional<std::string> cursor;
};

struct event_summary {
  uuid id;
  std::string title;
  std::string start_date;
  std::string start_time;
  std::string end_date;
  std::string end_time;
  std::optional<double> min_price;
  std::optional<double> max_price;
};
struct event_list {
  std::vector<event_summary> events;
};
struct search_error {
  std::string code;
  std::string message;
};
struct search_answer {
  event_list data;
  std::optional<search_error> error;
};
struct search_refused {
  search_error error;
  std::optional<event_list> data;
};
struct search_page {
  event_list data;
  std::optional<search_error> error;
  std::optional<std::string> next;
};

inline glz::schema search_start() {
  return {.description = "Only events that start then or later",
          .examples = std::vector<std::string_view>{"2017-07-21T17:32:28Z"}};
}
inline glz::schema search_end() {
  return {.description = "Only events that end then or earlier",
          .examples = std::vector<std::string_view>{"2021-07-21T17:32:28Z"}};
}

} // namespace troupe::gateway::views

// NOLINTBEGIN: glaze finds these by the names of the members

template <>
struct glz::json_schema<troupe::gateway::views::event_search> {
  schema starts_at = troupe::gateway::views::search_start();
  schema ends_at = troupe::gateway::views::search_end();
};

template <>
struct glz::json_schema<troupe::gateway::views::event_page_search> {
  schema starts_at = troupe::gateway::views::search_start();
  schema ends_at = troupe::gateway::views::search_end();
  schema provider = {.description = "Only events of the provider with this id or name",
                     .maxLength = std::uint64_t{400}};
  schema title = {.description = "Only events whose title begins so, without regard to case",
                  .maxLength = std::uint64_t{256}};
  schema available = {
    .description = "Only events that are on sale with places left, or only others"};
  schema limit = troupe::gateway::views::limit_rule();
  schema cursor = troupe::gateway::views::cursor_rule();
};

template <>
struct glz::json_schema<troupe::gateway::views::event_summary> {
  schema start_date = troupe::gateway::views::described("Local date", "2021-06-30");
  schema start_time = troupe::gateway::views::described("Local time", "21:00:00");
  schema end_date = troupe::gateway::views::described("Local date", "2021-06-30");
  schema end_time = troupe::gateway::views::described("Local time", "22:00:00");
  schema min_price = {.description = "Of the cheapest zone; null without zones"};
  schema max_price = {.description = "Of the dearest zone; null without zones"};
};

template <>
struct glz::json_schema<troupe::gateway::views::search_answer> {
  schema error = {.description = "Always null in an answer with events"};
};
template <>
struct glz::json_schema<troupe::gateway::views::search_error> {
  schema code = troupe::gateway::views::described("What is wrong, for programs", "invalid-field");
  schema message = troupe::gateway::views::described("The same for people",
                                                     "?starts_at is no date and time");
};
template <>
struct glz::json_schema<troupe::gateway::views::search_refused> {
  schema data = {.description = "Always null"};
};
template <>
struct glz::json_schema<troupe::gateway::views::search_page> {
  schema error = {.description = "Always null in an answer with events"};
  schema next = troupe::gateway::views::next_rule();
};

// NOLINTEND
