#pragma once

#include <string>

#include "gateway/context.hpp"

// What players do with their own libraries and studios with those of their players.

namespace troupe::gateway {

/// Where a list that ascends by id goes on.
struct list_position {
  uuid id;
};

/// Where a list of players by game goes on.
struct registration_position {
  uuid game_id;
  uuid player_id;
};

/// 201 with Location `path` the first time, 200 after. Errors: `no_such_game`, `no_such_player`.
task<result<void>> put_into_library(context& c, uuid player_id, uuid game_id, std::string path);

/// 204, also when it was not there. Errors: `no_such_player`.
task<result<void>> remove_from_library(context& c, uuid player_id, uuid game_id);

/// Answers with a page of who has which of these games.
task<result<void>> reply_registrations(context& c, std::vector<uuid> game_ids, std::uint32_t limit,
                                       std::optional<registration_position> after);

/// Answers with a page of these games, most players first.
task<result<void>> reply_popularity(context& c, std::vector<uuid> game_ids);

} // namespace troupe::gateway
