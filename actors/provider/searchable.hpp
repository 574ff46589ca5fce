#pragma once

#include <optional>
#include <string>

#include "actors/api/event_index.hpp"
#include "persistence/records.hpp"

namespace troupe {

/// The instant of a local time in an IANA zone. Of a time that comes twice the first is meant, of one that a
/// clock change leaves out the moment of the change.
std::chrono::sys_seconds to_instant(std::chrono::local_seconds local,
                                    const std::chrono::time_zone& zone);

/// The zone of that name, or null.
const std::chrono::time_zone* find_zone(const std::string& name) noexcept;

/// What the search shows of an event; nothing when it is not to be shown. `only_available_prices`: the
/// prices are those of zones with places left.
std::optional<searchable_event> searchable(const event_record& event,
                                           const provider_record& provider,
                                           bool only_available_prices);

} // namespace troupe
