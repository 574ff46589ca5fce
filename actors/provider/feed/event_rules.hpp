#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "actors/provider/feed/feed.hpp"
#include "base/timestamp.hpp"

// What becomes of an event from answer to answer. An event counts once it was seen online, ever: from then
// on it stays searchable for good with its latest known values, also offline or gone from the feed. One that
// was never online is kept, and not shown.

namespace troupe {

struct price_range {
  feed_price min;
  feed_price max;

  bool operator==(const price_range&) const = default;
};

/// The latest known values of one event.
struct event_summary {
  std::string title;
  std::optional<std::string> organizer_id;
  local_time starts_at;
  local_time ends_at;
  std::optional<local_time> sell_from;
  std::optional<local_time> sell_to;
  bool sold_out = false;
  bool online = false;                         ///< in the last answer that had it
  std::optional<price_range> prices;           ///< over all zones; none without zones
  std::optional<price_range> available_prices; ///< over the zones with a capacity above 0
  std::uint32_t zone_count = 0;
  feed_digest zones{};   ///< digest of the zones
  feed_digest content{}; ///< digest of everything
  bool ever_online = false;
  bool in_feed = false; ///< false once a whole answer was without it
  timestamp first_seen_at;
  timestamp changed_at;
  std::uint64_t version = 0; ///< 1 at first, one more with each change

  bool operator==(const event_summary&) const = default;
};

/// Whether a search may show it.
inline bool is_searchable(const event_summary& event) noexcept { return event.ever_online; }

struct merged {
  event_summary state;
  /// What changed, for the history: "new" alone for an event not known before; else some of "title",
  /// "organizer", "starts_at", "ends_at", "sell_from", "sell_to", "sold_out", "online", "prices", "zones",
  /// "in_feed". Empty: nothing to write.
  std::vector<std::string> changed;
};

/// What holds after an answer has the event. `known` null: it was never seen before.
merged merge(const event_summary* known, const feed_event& seen, timestamp now);

/// What holds after a whole answer that has the event neither valid nor rejected. An answer that rejected
/// it says nothing about it: the event stays as it is known.
merged leave_feed(const event_summary& known, timestamp now);

} // namespace troupe
