#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "app/drill/cluster_file.hpp"
#include "app/drill/history.hpp"
#include "app/http/http_client.hpp"

namespace troupe::drill {

struct load_settings {
  std::uint32_t rate = 1'000; ///< requests a second, of all clients together
  std::uint32_t clients = 32;
  std::uint32_t players = 48;
  std::uint32_t games = 8;
};

/// A player of the drill, whom several clients act for.
struct drill_player {
  uuid id;
  std::string name;
  std::string token;
};

/// Clients as they are: many threads, each with a connection to every gateway, at a steady pace. As a load
/// balancer would, they leave out gateways whose readiness is off, and give a request that had no answer to
/// another gateway, once, when it can be repeated safely: a read, or one with an Idempotency-Key. Everything
/// they do is written down.
class load {
public:
  load(const cluster_file& cluster, load_settings wanted);
  ~load();

  /// Signs the players up and reads which games there are. Blocks.
  result<void> prepare();
  void start();
  /// Ends the clients and reads every library once more; the whole history.
  std::vector<operation> finish();

  const std::vector<drill_player>& players() const noexcept { return players_; }
  /// One that clients leave alone: who writes it disturbs no history.
  const uuid& spare_game() const noexcept { return spare_game_; }
  /// What has been done so far, without the details.
  std::uint64_t done() const noexcept { return done_.load(); }

private:
  struct client;

  void watch_readiness();
  void act(client& self);
  operation draw(client& self);
  void carry_out(client& self, operation& one);
  std::size_t choose_gateway(client& self, std::size_t not_this) const;

  cluster_file cluster_;
  load_settings settings_;
  std::vector<cluster_node> gateways_;
  std::unique_ptr<std::atomic<bool>[]> ready_; ///< by gateway
  std::vector<drill_player> players_;
  std::vector<uuid> games_;
  uuid spare_game_;
  std::string run_; ///< makes keys and names of this run different from all others
  std::atomic<bool> ending_{false};
  std::atomic<std::uint64_t> done_{0};
  std::vector<std::unique_ptr<client>> clients_;
  std::thread watching_;
};

} // namespace troupe::drill
