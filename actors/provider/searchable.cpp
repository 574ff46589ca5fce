#include "actors/provider/searchable.hpp"

#include <exception>

namespace troupe {

std::chrono::sys_seconds to_instant(std::chrono::local_seconds local,
                                    const std::chrono::time_zone& zone) {
  return zone.to_sys(local, std::chrono::choose::earliest);
}

const std::chrono::time_zone* find_zone(const std::string& name) noexcept {
  try {
    return std::chrono::locate_zone(name);
  } catch (const std::exception&) {
    return nullptr;
  }
}

std::optional<searchable_event> searchable(const event_record& event,
                                           const provider_record& provider,
                                           bool only_available_prices) {
  if (!event.ever_online || provider.deleted) return std::nullopt;
  const auto* zone = find_zone(provider.time_zone);
  if (!zone) return std::nullopt; // checked when it was set: tzdata has lost it
  searchable_event shown;
  shown.id = event.id;
  shown.provider_id = provider.id;
  shown.provider = provider.name;
  shown.title = event.title;
  shown.starts_at = std::chrono::local_seconds{std::chrono::seconds{event.starts_at}};
  shown.ends_at = std::chrono::local_seconds{std::chrono::seconds{event.ends_at}};
  shown.starts_at_utc = to_instant(shown.starts_at, *zone);
  shown.ends_at_utc = to_instant(shown.ends_at, *zone);
  shown.available = event.online && event.in_feed && !event.sold_out &&
                    event.min_available_price.has_value();
  shown.min_price = only_available_prices ? event.min_available_price : event.min_price;
  shown.max_price = only_available_prices ? event.max_available_price : event.max_price;
  return shown;
}

} // namespace troupe
