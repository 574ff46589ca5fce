#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tests/actors/simulation/cluster.hpp"

namespace troupe::test {

/// The clients of the simulated cluster. Each command keeps its operation id over all its attempts, which
/// may go to any node; each answer is checked against the database when it comes.
class simulated_clients {
public:
  struct totals {
    std::uint64_t acknowledged = 0;
    std::uint64_t replayed = 0;
    std::uint64_t refused = 0; ///< by a final error
    std::uint64_t reads = 0;
    std::uint64_t retries = 0;
  };

  simulated_clients(caf::actor_system& system, simulated_cluster& cluster, dice& chance,
                    std::function<void(const std::string&)> broken);

  totals counts;

  void ask_something();
  /// Sends a command again that has no answer yet, or stops waiting for one.
  void retry_something();
  /// Sends every command that waits for another attempt or whose node has crashed, to the owner of its
  /// shard if there is one. An actor that lives has to answer by itself.
  void retry_all();
  /// Reads every player at its owner.
  void read_everything();

  std::size_t commands() const noexcept { return commands_.size(); }
  std::size_t unanswered() const;
  /// What must hold when nothing is under way any more.
  void check_final_state() const;

private:
  static constexpr std::size_t player_count = 4;
  static constexpr std::size_t game_count = 2;
  static constexpr std::size_t most_commands = 40;

  struct command {
    command_facts facts;
    std::size_t player = 0;
    call c;
    std::uint64_t asked = 0; ///< when the present attempt was sent
    std::uint32_t attempt = 0;
    uuid asked_of; ///< the incarnation of that attempt
    bool in_flight = false;
    bool done = false;
    bool acknowledged = false;
  };
  using command_pointer = std::shared_ptr<command>;

  std::int32_t shard_of_player(std::size_t player) const {
    return static_cast<std::int32_t>(player) % shard_count;
  }
  const player_shard_actor* target(std::size_t node, std::int32_t shard) const;
  std::size_t owner_or_any(std::int32_t shard);
  void stop_waiting(command& cmd);

  void send(const command_pointer& cmd, std::size_t node);
  template <class Answer, class Request>
  void send_as(const command_pointer& cmd, const player_shard_actor& to, Request request);
  template <class Answer>
  void check(const command_pointer& cmd, const call& c, std::uint64_t asked,
             const outcome<Answer>& answer);
  void failed(const command_pointer& cmd, std::uint64_t asked, const caf::error& why);
  void read(std::size_t player, std::size_t node);

  caf::actor_system& system_;
  simulated_cluster& cluster_;
  dice& chance_;
  std::function<void(const std::string&)> broken_;
  std::array<uuid, player_count> players_;
  std::array<uuid, game_count> games_;
  std::vector<command_pointer> commands_;
};

} // namespace troupe::test
