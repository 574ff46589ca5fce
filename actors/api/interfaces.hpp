#pragma once

#include <caf/all.hpp>

#include "actors/api/call.hpp"
#include "actors/api/catalog.hpp"
#include "actors/api/directory.hpp"
#include "actors/api/guard.hpp"
#include "actors/api/password.hpp"
#include "actors/api/player.hpp"
#include "actors/api/provider.hpp"
#include "actors/api/session.hpp"
#include "actors/api/type_ids.hpp"

// Every typed actor that others may talk to. Each request to a shard starts with its `call`; each
// error is a CAF error of `errc` (actors/api/errors.hpp).

namespace troupe {

/// The player family: one actor per shard, the single writer of its players.
/// Runs on the node that owns the shard.
using player_actor = caf::typed_actor<
  // Creates a player under a name the directory has reserved.
  caf::result<outcome<player_profile>>(call, create_player),
  // Answers from memory; loads the player first when it is cold.
  caf::result<player_profile>(call, read_player),
  // Changes name or password.
  caf::result<outcome<player_updated>>(call, update_player),
  // Soft delete.
  caf::result<outcome<player_deleted>>(call, delete_player),
  // For checking a password.
  caf::result<credentials>(call, read_credentials),
  // Settles the fate of a creation that the directory heard nothing of.
  caf::result<creation_settled>(call, settle_creation),
  // The library.
  caf::result<outcome<game_registered>>(call, register_game),
  caf::result<outcome<game_unregistered>>(call, unregister_game),
  caf::result<library_page>(call, list_library),
  // Log-ins of players.
  caf::result<outcome<session_opened>>(call, open_session),
  caf::result<outcome<session_rotated>>(call, rotate_session),
  caf::result<outcome<session_closed>>(call, close_session)>;

/// Reads over all players of the cluster, gathered from every database. Holds no state; one per node.
using registrations_actor =
  caf::typed_actor<caf::result<registered_players>(call, list_registered_players),
                   caf::result<player_counts>(call, count_players)>;

/// The directory family: one actor per shard, the single writer of its names.
/// Runs on the node that owns the shard.
using directory_actor = caf::typed_actor<
  caf::result<outcome<name_reserved>>(call, reserve_name),
  caf::result<name_settled>(call, confirm_name), caf::result<name_settled>(call, release_name),
  caf::result<account_ref>(call, lookup_name),
  caf::result<outcome<operation_claimed>>(call, claim_operation)>;

/// The catalog family: one actor in the cluster, the single writer of studios, games and staff.
/// Reads go to the node's `catalog_view` instead.
using catalog_actor = caf::typed_actor<caf::result<outcome<studio_created>>(call, create_studio),
                                       caf::result<outcome<game_created>>(call, create_game),
                                       caf::result<creation_settled>(call, settle_creation),
                                       caf::result<outcome<session_opened>>(call, open_session),
                                       caf::result<outcome<session_rotated>>(call, rotate_session),
                                       caf::result<outcome<session_closed>>(call, close_session)>;

/// The provider family: one actor per shard, the single writer of its providers and their events; it
/// starts their fetches. Runs on the node that owns the shard. Searches go to the node's index instead.
using provider_actor = caf::typed_actor<
  caf::result<outcome<provider_seen>>(call, create_provider),
  caf::result<outcome<provider_seen>>(call, change_provider),
  caf::result<outcome<provider_deleted>>(call, delete_provider),
  caf::result<provider_seen>(call, read_provider), caf::result<provider_list>(call, list_providers),
  caf::result<provider_seen>(call, fetch_provider),
  caf::result<provider_rejects>(call, read_rejects),
  caf::result<answer_piece>(call, read_answer_piece),
  caf::result<event_history>(call, read_event_history)>;

/// Keeps the node's copy of the catalogue while another node owns the catalogue's shard. One per node.
/// Answers when the copy is as new as the question.
using catalog_refresher = caf::typed_actor<caf::result<void>(refresh_catalog)>;

/// A worker that hashes and checks passwords. Runs on every node, `auth.password_workers` of them, each
/// on a thread of its own.
using password_actor = caf::typed_actor<caf::result<password_hashed>(hash_password),
                                        caf::result<password_verified>(verify_password)>;

/// The node's guard; see actors/api/guard.hpp. One per node.
using guard_actor =
  caf::typed_actor<caf::result<login_verdict>(check_login), caf::result<void>(record_login),
                   caf::result<void>(revoke_sessions), caf::result<usage_elsewhere>(report_usage),
                   caf::result<found_response>(find_response), caf::result<void>(keep_response)>;

} // namespace troupe
