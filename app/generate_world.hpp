#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/timestamp.hpp"
#include "base/uuid.hpp"
#include "persistence/records.hpp"

namespace troupe::generation {

/// A made-up world, the same for the same seed and counts. Studios, games and staff are held;
/// everything about a player is computed from the player's number when asked for, so that a million
/// players need no memory and threads can share the work. Immutable, so any thread may use it.
///
/// Every studio has 1 to 10 games, each number as likely. Every player has 0 to 5 games, each
/// number as likely, chosen by popularity: the r-th most popular game has 1/r of the chance of the
/// first (Zipf), so there are a few hits and a long tail. Which games are hits is shuffled.
class world {
public:
  world(std::uint64_t seed, std::uint64_t players, std::uint32_t studios);

  std::uint64_t players() const noexcept { return players_; }
  const std::vector<studio_record>& studios() const noexcept {
    return studios_;
  } ///< ascending by id
  const std::vector<game_record>& games() const noexcept { return games_; } ///< ascending by id
  /// The publisher's `owner`, the operator's `admin`, then one user of each studio. Without a hash.
  const std::vector<staff_record>& staff() const noexcept { return staff_; }

  // Players are numbered from 0; their ids ascend with the number.
  timestamp created_at(std::uint64_t player) const noexcept;
  uuid player_id(std::uint64_t player) const noexcept;
  /// Unique, also when letters' case is ignored: two words and a number.
  void append_name(std::uint64_t player, std::string& out) const;
  /// Indices into `games()`, ascending.
  void library(std::uint64_t player, std::vector<std::uint32_t>& out) const;
  timestamp registered_at(std::uint64_t player, std::uint32_t game) const noexcept;

  /// Of the operation that would have reserved a player's or a staff member's name.
  uuid player_operation(std::uint64_t player) const noexcept;
  uuid staff_operation(std::size_t member) const noexcept;

private:
  std::uint64_t random(std::uint64_t purpose, std::uint64_t number,
                       std::uint64_t draw) const noexcept;
  uuid make_id(std::uint64_t purpose, std::uint64_t number, timestamp at) const noexcept;
  void make_catalogue(std::uint32_t studios);

  std::uint64_t seed_;
  std::uint64_t players_;
  std::uint64_t player_interval_ms_; ///< between two sign-ups
  std::vector<studio_record> studios_;
  std::vector<game_record> games_;
  std::vector<staff_record> staff_;
  std::vector<std::uint64_t> popularity_; ///< running sums of the games' weights
};

} // namespace troupe::generation
