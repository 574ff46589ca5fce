#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "actors/api/call.hpp"
#include "persistence/records.hpp"

// Messages of the catalog family (one shard), and the copy of the catalogue every node keeps.

namespace troupe {

/// Creates a studio together with its owner's staff account, whose username the directory has
/// reserved. Errors: `studio_name_taken`, `limit_reached`.
struct create_studio {
  studio_record studio;
  staff_record owner;
};
struct studio_created {
  studio_record studio;
};

/// Errors: `no_such_studio`, `game_name_taken` (names are unique within a studio), `limit_reached`.
struct create_game {
  game_record game;
};
struct game_created {
  game_record game;
};

/// Asks a node's replica of the catalogue to be as new as it was when this was asked.
struct refresh_catalog {};

/// An immutable copy of the catalogue. Shared by all threads of a node.
class catalog_snapshot {
public:
  catalog_snapshot() = default;
  explicit catalog_snapshot(catalog_image image);

  const studio_record* find_studio(const uuid& id) const;
  const studio_record* find_studio_by_name(std::string_view name) const;
  const game_record* find_game(const uuid& id) const;
  const staff_record* find_staff(const uuid& id) const;

  /// Ascending by id.
  const std::vector<studio_record>& studios() const noexcept { return studios_; }
  /// Ascending by id.
  const std::vector<game_record>& games() const noexcept { return games_; }
  /// The studio's games, ascending by id; empty for an unknown studio.
  const std::vector<game_record>& games_of(const uuid& studio_id) const;

private:
  std::vector<studio_record> studios_;
  std::vector<game_record> games_;
  std::vector<staff_record> staff_;
  std::unordered_map<uuid, std::vector<game_record>> games_by_studio_;
  std::unordered_map<std::string, std::size_t> studio_by_name_; ///< folded name -> index
};

/// Where the catalogue's copy of this node stands. One per node; the catalog family swaps it, every
/// thread may read it. Lives as long as the process.
class catalog_view {
public:
  std::shared_ptr<const catalog_snapshot> current() const { return current_.load(); }
  void publish(std::shared_ptr<const catalog_snapshot> next) {
    current_.store(std::move(next));
    loaded_.store(true);
  }
  /// Whether anything was published yet.
  bool loaded() const noexcept { return loaded_.load(); }

private:
  std::atomic<bool> loaded_{false};
  std::atomic<std::shared_ptr<const catalog_snapshot>> current_{
    std::make_shared<const catalog_snapshot>()};
};

} // namespace troupe
