#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "base/error.hpp"
#include "base/family.hpp"
#include "persistence/records.hpp"

namespace troupe {

// Row changes. Each names rows of the unit's own shard only. Within one unit no key is named twice;
// over the units in flight of one shard the shard actor guarantees the same.

struct put_player {
  player_record row;
};
struct put_library_entry {
  uuid player_id;
  library_entry row;
};
struct delete_library_entry {
  uuid player_id;
  uuid game_id;
};
struct delete_library {
  uuid player_id;
};
/// Adds to the shard's number of players of a game. Deltas of one batch are summed before they are
/// written, so many units of a batch may name the same game.
struct add_to_counter {
  uuid game_id;
  std::int64_t delta = 0;
};
struct put_session {
  session_record row;
};
struct delete_session {
  uuid account_id;
  uuid session_id;
};
struct delete_sessions {
  uuid account_id;
};
struct put_name {
  name_record row;
};
struct delete_name {
  std::string key;
};
struct put_studio {
  studio_record row;
};
struct put_game {
  game_record row;
};
struct put_staff {
  staff_record row;
};
struct put_provider {
  provider_record row;
};
struct put_provider_progress {
  provider_progress row;
};
struct put_event {
  event_record row;
  std::optional<std::string> zones; ///< msgpack of all zones; none: as they are
};
struct put_event_change {
  event_change_record row;
};
/// A piece of a provider's last whole answer, gzip.
struct put_answer_piece {
  uuid provider_id;
  std::int32_t place = 0;
  std::string bytes;
};
struct delete_answer {
  uuid provider_id;
};
struct put_job {
  job_record row;
};
struct delete_job {
  uuid id;
};

using row_change =
  std::variant<put_player, put_library_entry, delete_library_entry, delete_library, add_to_counter,
               put_session, delete_session, delete_sessions, put_name, delete_name, put_studio,
               put_game, put_staff, put_job, delete_job, put_provider, put_provider_progress,
               put_event, put_event_change, put_answer_piece, delete_answer>;

/// The whole effect of one request on one shard. It commits as one, or not at all, together with
/// its row in the operation ledger.
struct write_unit {
  shard_ref shard;
  std::int64_t epoch =
    0; ///< the epoch at which the shard actor acquired its shard: names its tenure
  uuid op_id;
  digest request_hash{}; ///< of the request; all zero for an operation id the gateway made
  std::string result;    ///< the answer to keep in the ledger, msgpack
  std::vector<row_change> rows;
};

enum class write_status : std::uint8_t {
  committed, ///< durable
  duplicate, ///< the ledger already holds this operation: `stored` is its answer, nothing was written
  fenced,    ///< another owner has the shard: nothing was written, drop all memory of it
  refused,   ///< nothing was written, `why` tells: the storage is out of reach or the unit is bad
};

/// What became of one write unit. Never sent before the fate of the unit is certain.
struct write_receipt {
  std::uint64_t ticket = 0; ///< as the sender gave it
  write_status status = write_status::refused;
  stored_operation stored; ///< for a duplicate
  /// For a committed one: found in the ledger after a commit in doubt. An earlier attempt of the same
  /// operation may have put it there, so that the rows may be what later operations made of them.
  bool doubtful = false;
  failure why; ///< for a refused unit
};

} // namespace troupe
