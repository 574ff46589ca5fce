#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "actors/api/call.hpp"
#include "base/timestamp.hpp"
#include "base/uuid.hpp"

// Messages of the provider family: who publishes feeds of events, what their fetches came to, and the
// history of single events. Requests to a provider that does not exist or is deleted answer
// `no_such_provider`, unless they say otherwise.

namespace troupe {

/// What the fetches of a provider have come to. Kept with it; new members need defaults.
struct fetch_progress {
  bool running = false;
  std::optional<timestamp> started_at;   ///< of the last fetch
  std::optional<timestamp> finished_at;  ///< of the last that ended
  std::optional<timestamp> succeeded_at; ///< of the last that brought or confirmed an answer
  std::uint32_t failures = 0;            ///< in a row
  std::string failure;                   ///< kind of the last one; empty: the last fetch succeeded
  std::string detail;                    ///< of the failure, for the operator
  bool not_modified = false;             ///< the last fetch brought what was known
  std::string format;                    ///< of the last whole answer
  std::int64_t bytes = 0;                ///< of the last answer
  std::int64_t events = 0;               ///< good ones in the last whole answer
  std::int64_t rejected = 0;             ///< and those left out
  std::int64_t changed = 0;              ///< events that the last fetch changed
  std::int64_t took_ms = 0;              ///< from its start to the last commit
  digest answer_digest{};                ///< BLAKE2b-256 of the last whole answer
  std::string etag;                      ///< of the last whole answer, for the next request
  std::string last_modified;
};

struct provider_seen {
  uuid id;
  std::string name;
  std::string url;
  std::string format;
  std::uint32_t interval_s = 0;
  std::string time_zone;
  bool paused = false;
  timestamp created_at;
  std::int64_t version = 1; ///< the ETag
  fetch_progress fetch;
  std::string circuit; ///< closed, open or half-open: whether fetches are tried
};

/// Errors: `limit_reached`; `invalid_field` with a detail that begins with the field's JSON pointer and a
/// space, for a URL, format or zone that cannot be.
struct create_provider {
  uuid id;
  std::string name;
  std::string url;
  std::string format;
  std::uint32_t interval_s = 0;
  std::string time_zone;
  bool paused = false;
};

/// Changes what is set. Another URL or format forgets what is known of the last answer's version.
/// Errors: `precondition_failed`, `invalid_field` as above.
struct change_provider {
  uuid id;
  std::optional<std::string> name;
  std::optional<std::string> url;
  std::optional<std::string> format;
  std::optional<std::uint32_t> interval_s;
  std::optional<std::string> time_zone;
  std::optional<bool> paused;
  std::optional<std::int64_t> if_version;
};

/// Its fetches end and its events are shown no more; rows stay. Errors: `precondition_failed`.
struct delete_provider {
  uuid id;
  std::optional<std::int64_t> if_version;
};
struct provider_deleted {};

struct read_provider {
  uuid id;
};

/// All providers of the shard that are not deleted, ascending by id.
struct list_providers {};
struct provider_list {
  std::vector<provider_seen> items;
};

/// Fetches now, whatever its interval or circuit says, or joins the fetch that runs. Answers when it has
/// ended, or a little before the deadline with what there is by then.
struct fetch_provider {
  uuid id;
};

struct rejected_event {
  std::string base_id; ///< empty: it had none that is valid
  std::string id;
  std::string reason;
  std::uint64_t line = 0; ///< of the answer
};

/// The events of the last whole answer that were left out, at most the first 1,000.
struct read_rejects {
  uuid id;
};
struct provider_rejects {
  std::vector<rejected_event> items;
};

/// A piece of the last whole answer as it came, which is kept as gzip in pieces. Errors: `not_found` when there
/// is no such piece: nothing was fetched yet, the answer was too large to be kept, or it has fewer.
struct read_answer_piece {
  uuid id;
  std::uint32_t place = 0; ///< from 0
};
struct answer_piece {
  std::string bytes;
  bool more = false; ///< one more piece follows
};

/// An event as it was after a change. Prices in units of 1/10000.
struct event_values {
  std::string title;
  std::string starts_at; ///< local: `2021-06-30T21:00:00`
  std::string ends_at;
  bool online = false;
  bool sold_out = false;
  bool in_feed = false;
  std::optional<std::int64_t> min_price;
  std::optional<std::int64_t> max_price;
  std::uint32_t zones = 0;
};
struct event_change {
  std::int64_t version = 0;
  timestamp at;
  std::vector<std::string> changed;
  event_values values;
};

/// The changes of one of the provider's events, newest first, also when it is deleted. Errors: `no_such_event`.
struct read_event_history {
  uuid provider_id;
  uuid event_id;
  std::int64_t before = 0; ///< only versions below; 0: all
  std::uint32_t limit = 0;
};
struct event_history {
  std::vector<event_change> items;
  bool more = false;
};

} // namespace troupe
