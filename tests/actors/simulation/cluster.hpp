#pragma once

#include <array>
#include <caf/scheduler/test_coordinator.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "actors/cluster/shard_table.hpp"
#include "actors/player/player_shard.hpp"
#include "tests/actors/simulation/fake_lane.hpp"

namespace troupe::test {

inline constexpr std::size_t node_count = 3;
inline constexpr std::int32_t shard_count = 2;
inline constexpr std::int64_t lease_ms = 2'000;
inline constexpr std::int64_t death_margin_ms = 500;

/// One incarnation of a simulated node: shard actors as in `troupe serve`, over a lane of its own.
struct simulated_node {
  static constexpr std::array<std::uint32_t, families.size()> counts{
    1, static_cast<std::uint32_t>(shard_count), 1};

  uuid incarnation = make_uuid_v7();
  bool running = false;
  bool paused = false;
  bool declared_dead = false;
  std::int64_t lease_until = 0;
  /// Made anew when the virtual time moves: valid for ever or not at all.
  std::optional<node_lease> lease{std::in_place};
  shard_board board{counts};
  shard_table table{counts, board};
  fake_lane lane;
  fake_reader reader;
  shard_storage storage;
  directory_actor directory;
  std::vector<player_shard_actor> shards;

  explicit simulated_node(fake_database& database)
    : lane(database, incarnation), reader(database) {}

  shard_state state(std::int32_t shard) const {
    return board.at({family::player, shard}).state.load();
  }
  /// Whether it would answer a read from memory now, or as soon as it goes on.
  bool would_tell(std::int32_t shard) const {
    const auto s = state(shard);
    return running && (s == shard_state::active || s == shard_state::draining) && lease->valid();
  }
};

/// The nodes over one database, in one actor system without threads. Owns time, leases and the order in
/// which actors run.
class simulated_cluster {
public:
  simulated_cluster(caf::actor_system& system, caf::scheduler::test_coordinator& scheduler,
                    dice& chance, std::function<void(const std::string&)> broken);
  ~simulated_cluster();
  simulated_cluster(const simulated_cluster&) = delete;
  simulated_cluster& operator=(const simulated_cluster&) = delete;

  fake_database database;
  catalog_view catalog;
  std::vector<std::unique_ptr<simulated_node>> nodes; ///< the newest incarnation of each

  simulated_node& node(std::size_t index) { return *nodes[index]; }

  void start(std::size_t index);
  /// Its actors end at once; nothing of its mailboxes is done any more.
  void crash(std::size_t index);
  /// Lets one actor that may run handle one message. False when there is none.
  bool run_one();
  void advance(std::int64_t milliseconds);
  void renew(std::size_t index);
  void declare_dead_who_is();
  /// What placement does on that node for a shard it wants.
  void place(std::size_t index, std::int32_t shard);

private:
  /// Whether others may take what this incarnation owned.
  bool may_be_replaced(const uuid& owner, std::size_t by) const;
  void apply_lease(simulated_node& node) const;
  void watch(const caf::actor& actor, simulated_node& node);

  caf::actor_system& system_;
  caf::scheduler::test_coordinator& scheduler_;
  dice& chance_;
  std::function<void(const std::string&)> broken_;
  std::int64_t now_ms_ = 0;
  struct ended {
    std::size_t index = 0;
    std::int64_t lease_until = 0;
  };
  std::unordered_map<uuid, ended> ended_; ///< incarnations that crashed
  std::vector<std::unique_ptr<simulated_node>> graveyard_;
  std::unordered_map<const caf::resumable*, simulated_node*> owners_;
};

} // namespace troupe::test
