#include "actors/provider/feed/feed_format.hpp"

#include <array>

#include "actors/provider/feed/list_format.hpp"

namespace troupe {

namespace {

constexpr list_format event_list{{.root = "eventList",
                                  .base = "base_event",
                                  .event = "event",
                                  .base_id = "base_event_id",
                                  .event_id = "event_id",
                                  .starts_at = "event_start_date",
                                  .ends_at = "event_end_date"}};

constexpr list_format plan_list{{.root = "planList",
                                 .base = "base_plan",
                                 .event = "plan",
                                 .base_id = "base_plan_id",
                                 .event_id = "plan_id",
                                 .starts_at = "plan_start_date",
                                 .ends_at = "plan_end_date"}};

constexpr std::array<const feed_format*, 2> formats{&event_list, &plan_list};

} // namespace

const char* feed_attributes::find(std::string_view name) const noexcept {
  for (auto pair = pairs_; *pair != nullptr; pair += 2)
    if (name == *pair) return pair[1];
  return nullptr;
}

std::span<const feed_format* const> feed_formats() noexcept { return formats; }

const feed_format* find_feed_format(std::string_view name) noexcept {
  for (const auto* format : formats)
    if (format->name() == name) return format;
  return nullptr;
}

std::string feed_format_names() {
  std::string names;
  for (const auto* format : formats) {
    if (!names.empty()) names += ", ";
    names += format->name();
  }
  return names;
}

} // namespace troupe
