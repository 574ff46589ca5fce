#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "actors/api/call.hpp"
#include "actors/api/session.hpp"
#include "base/timestamp.hpp"
#include "base/uuid.hpp"

// Messages of the player family. Errors are those of `errc`; every request to a player that does not
// exist or is deleted answers `no_such_player`.

namespace troupe {

struct player_profile {
  uuid id;
  std::string name;
  timestamp created_at;
  std::int64_t version = 1; ///< the ETag
};

/// Creates the player whose name the directory has reserved for `id`.
struct create_player {
  uuid id;
  std::string name;
  std::string password_hash;
};

struct read_player {
  uuid id;
};

/// Changes what is set. A new name must be reserved in the directory for `id` before.
/// Errors: `precondition_failed`.
struct update_player {
  uuid id;
  std::optional<std::string> name;
  std::optional<std::string> password_hash; ///< ends every session but `keep_session`
  std::optional<std::int64_t> if_version;
  uuid keep_session;
};
struct player_updated {
  player_profile profile;
  std::vector<uuid> ended_sessions;
};

/// Soft delete: the row stays under a replacement name; the name is freed by a job, library and
/// sessions go with the same commit. Errors: `precondition_failed`.
struct delete_player {
  uuid id;
  std::optional<std::int64_t> if_version;
};
struct player_deleted {
  std::vector<uuid> ended_sessions;
};

/// The secret half of a player, for checking a password.
struct read_credentials {
  uuid id;
};
struct credentials {
  uuid id;
  std::string password_hash;
};

/// Asked by the directory about a reservation that was never confirmed: either the account holds the
/// name, or from now on the operation that reserved it can never commit.
struct settle_creation {
  uuid account_id;
  uuid op_id;      ///< of the operation that reserved the name
  std::string key; ///< the folded name
};
struct creation_settled {
  bool holds = false;
  uuid op_id; ///< when it holds the name: under which operation
};

// -- the player's library -------------------------------------------------------------------------

/// Puts a game into the player's library. The catalogue must know the game: else `no_such_game`.
struct register_game {
  uuid player_id;
  uuid game_id;
};
struct game_registered {
  bool created = false; ///< false: it was there already
  timestamp registered_at;
};

struct unregister_game {
  uuid player_id;
  uuid game_id;
};
struct game_unregistered {
  bool removed = false;
};

/// A page of the library ascending by game id.
struct list_library {
  uuid player_id;
  std::optional<uuid> after; ///< the last game id seen
  std::uint32_t limit = 20;
};
struct library_page {
  std::vector<library_entry> items;
  bool more = false;
};

// -- over all players of the cluster ---------------------------------------------------------------

/// One page of who has which of these games, ascending by (game id, player id), over all shards.
struct list_registered_players {
  std::vector<uuid> game_ids;
  std::optional<std::pair<uuid, uuid>> after; ///< (game id, player id) of the last row seen
  std::uint32_t limit = 20;                   ///< 1 to 100
};
struct registered_player {
  uuid game_id;
  uuid player_id;
  std::string player_name;
};
struct registered_players {
  std::vector<registered_player> items;
  bool more = false;
};

/// How many players have each of these games: exact, as counters commit with every change.
struct count_players {
  std::vector<uuid> game_ids;
};
struct player_count {
  uuid game_id;
  std::int64_t players = 0;
};
struct player_counts {
  std::vector<player_count> items;
}; ///< in the order of the question

} // namespace troupe
