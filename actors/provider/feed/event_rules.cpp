#include "actors/provider/feed/event_rules.hpp"

#include <algorithm>

namespace troupe {

namespace {

void widen(std::optional<price_range>& range, feed_price price) {
  if (!range) range = {price, price};
  range->min = std::min(range->min, price);
  range->max = std::max(range->max, price);
}

/// What the answer alone says; the history's members are left as they are by default.
event_summary summarise(const feed_event& seen) {
  event_summary it;
  it.title = seen.title;
  it.organizer_id = seen.organizer_id;
  it.starts_at = seen.starts_at;
  it.ends_at = seen.ends_at;
  it.sell_from = seen.sell_from;
  it.sell_to = seen.sell_to;
  it.sold_out = seen.sold_out;
  it.online = seen.online;
  for (const auto& zone : seen.zones) {
    widen(it.prices, zone.price);
    if (zone.capacity > 0) widen(it.available_prices, zone.price);
  }
  it.zone_count = static_cast<std::uint32_t>(seen.zones.size());
  it.zones = digest_of(seen.zones);
  it.content = digest_of(seen, it.zones);
  it.in_feed = true;
  return it;
}

std::vector<std::string> difference(const event_summary& before, const event_summary& after) {
  std::vector<std::string> names;
  auto compare = [&](const char* name, auto member) {
    if (before.*member != after.*member) names.emplace_back(name);
  };
  compare("title", &event_summary::title);
  compare("organizer", &event_summary::organizer_id);
  compare("starts_at", &event_summary::starts_at);
  compare("ends_at", &event_summary::ends_at);
  compare("sell_from", &event_summary::sell_from);
  compare("sell_to", &event_summary::sell_to);
  compare("sold_out", &event_summary::sold_out);
  compare("online", &event_summary::online);
  if (before.prices != after.prices || before.available_prices != after.available_prices)
    names.emplace_back("prices");
  compare("zones", &event_summary::zones);
  compare("in_feed", &event_summary::in_feed);
  return names;
}

} // namespace

merged merge(const event_summary* known, const feed_event& seen, timestamp now) {
  auto state = summarise(seen);
  state.ever_online = state.online;
  if (known == nullptr) {
    state.first_seen_at = state.changed_at = now;
    state.version = 1;
    return {std::move(state), {"new"}};
  }
  auto changed = difference(*known, state);
  if (changed.empty()) return {*known, {}};
  state.ever_online |= known->ever_online;
  state.first_seen_at = known->first_seen_at;
  state.changed_at = now;
  state.version = known->version + 1;
  return {std::move(state), std::move(changed)};
}

merged leave_feed(const event_summary& known, timestamp now) {
  if (!known.in_feed) return {known, {}};
  auto state = known;
  state.in_feed = false;
  state.changed_at = now;
  ++state.version;
  return {std::move(state), {"in_feed"}};
}

} // namespace troupe
