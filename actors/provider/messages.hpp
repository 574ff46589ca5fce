#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "actors/api/provider.hpp"
#include "actors/provider/feed/feed.hpp"
#include "actors/type_ids.hpp"

// What a shard of providers and the fetchers that it starts on its own node say to each other.
// Every message of a fetcher may be refused: `not_found` when the shard knows of no such fetch (any more), which
// shall stop then; `no_such_provider` when its provider was deleted meanwhile.

namespace troupe {

/// Events and rejects of the answer that is being read, in its order. Answered when they are stored.
struct store_events {
  uuid provider_id;
  std::uint64_t fetch = 0; ///< the shard's number for it
  std::vector<feed_event> events;
  std::vector<rejected_event> rejects;
};
struct events_stored {
  std::uint32_t changed = 0;
};

/// The answer was read to its end: the next few of the known events that were not in it leave the feed.
/// Asked again until nothing changes.
struct drop_missing {
  uuid provider_id;
  std::uint64_t fetch = 0;
};

/// A piece of the answer as it came, gzip, in order from place 0, which takes the place of the one before. Empty: it is
/// not kept.
struct keep_answer {
  uuid provider_id;
  std::uint64_t fetch = 0;
  std::int32_t place = 0;
  std::string bytes;
};

/// A fetch has ended. Answered when that is stored.
struct end_fetch {
  uuid provider_id;
  std::uint64_t fetch = 0;
  std::string failure; ///< kind; empty: it succeeded
  std::string detail;
  bool not_modified = false;
  std::string format;
  std::int64_t bytes = 0;
  std::int64_t took_ms = 0;
  std::string etag;
  std::string last_modified;
  std::optional<std::chrono::seconds> retry_after; ///< the provider's own wish
  digest answer_digest{};
  std::int64_t events = 0;   ///< good ones that were read
  std::int64_t rejected = 0; ///< and those left out
  std::int64_t changed = 0;  ///< events that differed from what was known
  // Filled in by the shard.
  timestamp started_at;
  std::string url;          ///< that was fetched: the provider may have another one by now
  std::string asked_format; ///< of the provider then
  std::string rejects;      ///< msgpack
};

/// Asks a shard of providers to start what is due.
struct fetch_due {};

} // namespace troupe
