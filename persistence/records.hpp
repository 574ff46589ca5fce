#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/timestamp.hpp"
#include "base/uuid.hpp"

// Row images: what the databases hold, in the domain's words. Plain structs without behaviour; an
// actor keeps them as its hot state and hands changed ones to its writer lane.

namespace troupe {

/// A 256-bit digest (BLAKE2b-256): of a request, of a refresh token.
using digest = std::array<std::uint8_t, 32>;

enum class account_kind : std::uint8_t { player = 0, staff = 1 };

/// Who a unique name belongs to.
struct account_ref {
  account_kind kind = account_kind::player;
  uuid id;

  bool operator==(const account_ref&) const = default;
};

// -- player family ------------------------------------------------------------------------------

struct player_record {
  uuid id;
  std::string name;          ///< as the player wrote it; for a deleted one a replacement
  uuid name_op;              ///< the operation under which the directory gave out the name
  std::string password_hash; ///< Argon2id in its encoded form; empty for a deleted player
  timestamp created_at;
  std::int64_t version = 1; ///< grows by one with every change; the ETag
  bool deleted = false;
};

/// A game in a player's library.
struct library_entry {
  uuid game_id;
  timestamp registered_at;
};

/// A log-in. Its refresh token is stored hashed only and changes at every use.
struct session_record {
  uuid id;
  uuid account_id;
  digest token_hash{};    ///< of the valid refresh token
  digest previous_hash{}; ///< of the one before it: its use again means theft and ends the session
  timestamp created_at;
  timestamp expires_at;
};

/// Everything one player's hot state is made of.
struct player_image {
  player_record player;
  std::vector<library_entry> library;   ///< ascending by game_id
  std::vector<session_record> sessions; ///< ascending by id
};

// -- directory family ---------------------------------------------------------------------------

enum class name_state : std::uint8_t { reserved = 0, confirmed = 1 };

/// A unique name: reserved by an operation that still has to create its account, or confirmed.
struct name_record {
  std::string key; ///< the name folded to lower case
  name_state state = name_state::reserved;
  account_ref account;
  uuid op_id; ///< of the operation that reserved it
};

// -- catalog family -----------------------------------------------------------------------------

struct studio_record {
  uuid id;
  std::string name;
  timestamp created_at;
};

struct game_record {
  uuid id;
  uuid studio_id;
  std::string name;
  timestamp created_at;
};

enum class staff_role : std::uint8_t { studio = 0, publisher = 1, operator_ = 2 };

struct staff_record {
  uuid id;
  std::string username;
  std::string password_hash;
  staff_role role = staff_role::studio;
  std::optional<uuid> studio_id; ///< set for staff of a studio
  timestamp created_at;
};

/// Everything the catalog's one shard holds.
struct catalog_image {
  std::vector<studio_record> studios;
  std::vector<game_record> games;
  std::vector<staff_record> staff;
  std::vector<session_record> sessions; ///< of staff
};

// -- provider family ----------------------------------------------------------------------------

/// Somebody who publishes a feed of events.
struct provider_record {
  uuid id;
  std::string name;
  std::string url;
  std::string format; ///< of the feed; empty: told by the feed itself
  std::uint32_t interval_s = 0;
  std::string time_zone; ///< IANA's name: where the feed's local times are
  bool paused = false;
  bool deleted = false;
  timestamp created_at;
  std::int64_t version = 1; ///< the ETag
  /// Grows by one with every change of a provider or an event of the shard, in the order of commits: who
  /// has seen everything up to one asks for what is after it.
  std::int64_t seq = 0;
};

/// What the fetches of one provider have come to: the only row that a fetch without news writes.
struct provider_progress {
  uuid provider_id;
  std::string state;   ///< msgpack, of the family's own
  std::string rejects; ///< msgpack: events of the last answer that were left out
};

/// The latest known values of one event. Times are seconds on the clocks of the provider's zone, prices in
/// units of 1/10000.
struct event_record {
  uuid id;
  uuid provider_id;
  std::string base_id;
  std::string event_id;
  std::string title;
  std::optional<std::string> organizer_id;
  std::int64_t starts_at = 0;
  std::int64_t ends_at = 0;
  std::optional<std::int64_t> sell_from;
  std::optional<std::int64_t> sell_to;
  bool sold_out = false;
  bool online = false;
  bool ever_online = false;
  bool in_feed = false;
  std::optional<std::int64_t> min_price; ///< over all zones
  std::optional<std::int64_t> max_price;
  std::optional<std::int64_t> min_available_price; ///< over zones with places left
  std::optional<std::int64_t> max_available_price;
  std::int32_t zone_count = 0;
  std::array<std::uint8_t, 16> zones_digest{};
  std::array<std::uint8_t, 16> content_digest{};
  timestamp first_seen_at;
  timestamp changed_at;
  std::int64_t version = 1;
  std::int64_t seq = 0;
};

/// One change of an event, for its history.
struct event_change_record {
  uuid event_id; ///< the event's own id
  std::int64_t version = 0;
  timestamp at;
  std::string changed; ///< names of what changed, separated by spaces
  std::string state;   ///< msgpack, of the family's own: the event after it
};

/// Everything a shard of providers holds in memory.
struct providers_image {
  std::vector<provider_record> providers;
  std::vector<provider_progress> progress;
  std::vector<event_record> events;
};

/// What came after a number of the shard's sequence, ascending.
struct event_news {
  std::vector<provider_record> providers;
  std::vector<event_record> events;
  bool more = false; ///< there are more events than were asked for
};

/// A piece of a provider's last answer, gzip.
struct kept_piece {
  std::string bytes;
  bool more = false; ///< one more piece follows
};

// -- every family -------------------------------------------------------------------------------

/// Work that must follow a committed change on another shard: committed with the change, run after
/// it, deleted when done, and found again by the next owner after a crash.
struct job_record {
  uuid id;
  std::string kind;    ///< which handler of the family runs it
  std::string payload; ///< msgpack map, read by that handler
};

/// The answer the operation ledger keeps for an operation id.
struct stored_operation {
  digest request_hash{};
  std::string result; ///< msgpack of the command's answer
};

} // namespace troupe
