#include "actors/api/event_index.hpp"

#include <algorithm>
#include <format>
#include <tuple>
#include <utility>

#include "actors/api/directory.hpp"
#include "base/json.hpp"

namespace troupe {

namespace {

void append_price(std::string& out, std::string_view name,
                  const std::optional<std::int64_t>& units) {
  out.append(",\"").append(name).append("\":");
  if (!units) {
    out += "null";
    return;
  }
  constexpr std::int64_t whole = 10'000;
  out += std::to_string(*units / whole);
  if (auto rest = *units % whole; rest != 0) {
    auto digits = std::format("{:04}", rest);
    while (digits.ends_with('0')) digits.pop_back();
    out.append(".").append(digits);
  }
}

std::string json_of(const searchable_event& event) {
  std::string out = "{\"id\":\"" + to_string(event.id) + "\",\"title\":";
  append_json_string(out, event.title);
  out += std::format(",\"start_date\":\"{0:%F}\",\"start_time\":\"{0:%T}\",\"end_date\":\"{1:%F}\","
                     "\"end_time\":\"{1:%T}\"",
                     event.starts_at, event.ends_at);
  append_price(out, "min_price", event.min_price);
  append_price(out, "max_price", event.max_price);
  return out += '}';
}

auto place(const searchable_event& event) { return std::pair{event.starts_at_utc, event.id}; }
auto place_of(const std::shared_ptr<const event_index::entry>& entry) {
  return place(entry->event);
}

} // namespace

std::shared_ptr<const event_index> event_index::with(const event_index& before,
                                                     std::vector<searchable_event> changed,
                                                     std::span<const uuid> gone,
                                                     std::uint64_t version) {
  auto next = std::make_shared<event_index>();
  next->version_ = version;
  next->by_id_ = before.by_id_;
  for (const auto& id : gone) next->by_id_.erase(id);
  entries fresh;
  fresh.reserve(changed.size());
  for (auto& event : changed) {
    auto made = std::make_shared<entry>();
    made->title_key = fold_name(event.title);
    made->provider_key = fold_name(event.provider);
    made->json = json_of(event);
    made->event = std::move(event);
    next->by_id_.insert_or_assign(made->event.id, made);
    fresh.push_back(std::move(made));
  }
  std::ranges::sort(fresh, {}, place_of);
  // What stays is in order already.
  entries kept;
  kept.reserve(before.by_start_.size());
  for (const auto& one : before.by_start_)
    if (const auto found = next->by_id_.find(one->event.id);
        found != next->by_id_.end() && found->second == one)
      kept.push_back(one);
  next->by_start_.reserve(kept.size() + fresh.size());
  std::ranges::merge(kept, fresh, std::back_inserter(next->by_start_), {}, place_of, place_of);
  return next;
}

const searchable_event* event_index::find(const uuid& id) const {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : &found->second->event;
}

std::optional<event_position> event_index::search(const event_query& query,
                                                  const std::optional<event_position>& after,
                                                  std::size_t limit, std::string& out) const {
  using instant = std::chrono::sys_seconds;
  const auto title = query.title ? fold_name(*query.title) : std::string{};
  const auto provider = query.provider ? fold_name(*query.provider) : std::string{};
  auto from = by_start_.begin();
  if (query.starts_at)
    from = std::ranges::lower_bound(by_start_, *query.starts_at, {},
                                    [](const auto& one) { return one->event.starts_at_utc; });
  if (after) {
    const std::pair last{instant{std::chrono::seconds{after->starts_at}}, after->id};
    from = std::max(from, std::ranges::upper_bound(by_start_, last, {}, place_of));
  }
  std::size_t found = 0;
  const searchable_event* newest = nullptr;
  for (; from != by_start_.end(); ++from) {
    const auto& one = **from;
    const auto& event = one.event;
    // Nothing ends before it starts, so the rest starts too late as well.
    if (query.ends_at && event.starts_at_utc > *query.ends_at) break;
    if (query.ends_at && event.ends_at_utc > *query.ends_at) continue;
    if (query.provider_id && event.provider_id != *query.provider_id) continue;
    if (query.provider && one.provider_key != provider) continue;
    if (query.title && !one.title_key.starts_with(title)) continue;
    if (query.available && event.available != *query.available) continue;
    if (found == limit)
      return event_position{newest->starts_at_utc.time_since_epoch().count(), newest->id};
    if (found++ > 0) out += ',';
    out += one.json;
    newest = &event;
  }
  return std::nullopt;
}

} // namespace troupe
