#pragma once

#include <array>
#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// What a provider's answer says, as plain values, and how its texts are read. Pure: any thread.

namespace troupe {

/// A price in units of 1/10000, never negative, 10^12 at most. The feeds name no currency.
struct feed_price {
  std::int64_t units = 0;

  auto operator<=>(const feed_price&) const = default;
};

/// Reads digits with at most four more after a point ("20.00", "15", "7.5"): exact, without sign,
/// exponent or spaces. None when it is anything else, or more than 10^12.
std::optional<feed_price> parse_price(std::string_view text);

/// The shortest decimal: "20", "7.5", "0.0001".
std::string to_string(feed_price price);

/// A date and time on the clocks where the event takes place; the feeds name no zone.
using local_time = std::chrono::local_seconds;

/// Reads `2021-06-30T21:00:00`, years 1 to 9999; no offset, no fraction. The error says what is wrong:
/// "no such date" for one the calendar does not have, such as 31 September.
std::expected<local_time, std::string_view> parse_local_time(std::string_view text);

/// `2021-06-30T21:00:00`
std::string to_string(local_time time);

/// One kind of place within an event. Ids may repeat within an event.
struct feed_zone {
  std::string id;
  std::string name;
  std::uint32_t capacity = 0; ///< places left; 0 is common
  feed_price price;
  bool numbered = false;

  bool operator==(const feed_zone&) const = default;
};

/// One event as one answer has it. It is known by base id and id together: providers repeat an id under
/// several base events.
struct feed_event {
  std::string base_id;
  std::string id;
  std::string title;
  std::optional<std::string> organizer_id;
  bool online = false; ///< sell_mode="online"; every other mode is offline
  bool sold_out = false;
  local_time starts_at;
  local_time ends_at; ///< not before `starts_at`
  std::optional<local_time> sell_from;
  std::optional<local_time> sell_to;
  std::vector<feed_zone> zones; ///< in the feed's order

  bool operator==(const feed_event&) const = default;
};

/// One event that was left out, and why. An event that was rejected has not left the feed.
struct feed_reject {
  std::string base_id; ///< "" when it has none that is valid
  std::string id;      ///< "" when it has none that is valid
  std::string
    reason; ///< names element, attribute and the beginning of the value; 512 bytes at most
  std::uint64_t line = 0;

  bool operator==(const feed_reject&) const = default;
};

/// BLAKE2b with 128 bits over values in a canonical form, which never changes: it is stored, and a new
/// form would make every event look changed. Test vectors pin it.
using feed_digest = std::array<std::uint8_t, 16>;

/// Of the zones with all their fields, in their order.
feed_digest digest_of(const std::vector<feed_zone>& zones);

/// Of all fields; `zones` is the digest of the event's zones.
feed_digest digest_of(const feed_event& event, const feed_digest& zones);
feed_digest digest_of(const feed_event& event);

/// What texts and lists may measure; an event with more is rejected.
struct feed_bounds {
  static constexpr std::size_t id_bytes = 64;
  static constexpr std::size_t text_bytes = 256; ///< of titles and names
  static constexpr std::size_t zones = 10'000;   ///< of one event
};

} // namespace troupe
