#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "actors/cluster/link/link_hub.hpp"
#include "actors/cluster/membership.hpp"
#include "actors/cluster/remote/dispatcher.hpp"
#include "actors/cluster/remote/gate.hpp"
#include "actors/cluster/remote/owner_directory.hpp"
#include "actors/cluster/remote/transport.hpp"
#include "actors/shard/shard_state.hpp"

namespace troupe::remote {

/// What an interconnect tells the rest of its node, on its own thread; must not block or throw.
struct interconnect_events {
  /// `node` wants the shard whose tenure here has that epoch.
  std::function<void(const uuid& node, shard_ref ref, std::int64_t epoch)> on_hand_off;
  /// Something is known now that placement or membership may want to act on.
  std::function<void()> on_owner_change;
  std::function<void(nudge_kind)> on_nudge;
};

/// This node's side of everything between nodes: its links, the gate for what comes in, the dispatcher for
/// what goes out, and what owners tell one another. One thread with one io_context; one per node. Without
/// links (`links.mode` off) it still dispatches requests within the node.
///
/// All public functions may be called from any thread unless they say otherwise.
class interconnect final : private links::link_events, private transport {
public:
  struct settings {
    uuid self;
    uuid cluster;
    std::string mode; ///< "off", "tls" or "plain"
    links::credential_files files;
    std::string address;
    std::uint16_t port = 0;
    std::chrono::milliseconds dial_timeout{3'000};
    std::chrono::milliseconds ping_interval{1'000};
    std::chrono::milliseconds ping_timeout{3'000};
    std::uint32_t max_frame = 16 * 1024 * 1024;
    std::size_t max_queue = 64 * 1024 * 1024;
    std::uint32_t max_requests = 8'192; ///< to one node, and from one node
  };

  /// Another node, as `peers` shows it.
  struct peer_status {
    uuid node;
    bool up = false;
    std::size_t queued = 0; ///< bytes that wait for it
  };
  struct status {
    std::vector<peer_status> peers; ///< the members with a link address
    dispatcher::counts requests;
    gate::counts entered;
    std::uint64_t bytes_out = 0;
    std::uint64_t bytes_in = 0;
    std::uint64_t handshakes_failed = 0;
  };

  interconnect(caf::actor_system& system, settings wanted, const shard_board& board,
               shard_table& table, owner_directory& owners);
  ~interconnect();

  /// Opens the port and starts the thread. Once. Errors: those of credentials and of `link_hub::listen`;
  /// the detail is for operators.
  result<void> start(interconnect_events events);

  /// Ends links and thread; every request under way is answered `shard_unavailable`. Once, before the
  /// actors end.
  void stop();

  /// Of `start`; 0 without links.
  std::uint16_t port() const noexcept { return port_; }
  /// Null without TLS.
  const std::shared_ptr<links::credentials>& own_certificate() const noexcept { return own_; }

  /// Who the members are now.
  void show(std::shared_ptr<const membership_view::picture> members);

  /// A shard of this node changed its state: called by its actor.
  void on_transition(shard_ref ref, shard_state state, std::int64_t epoch);

  /// The directory was changed for these shards by somebody else.
  void owners_changed(std::vector<shard_ref> shards);

  /// Asks `owner` to give up a shard. Lost without a word when there is no link.
  void ask_for(const uuid& owner, shard_ref ref, std::int64_t epoch);

  /// Tells every other node.
  void nudge_all(nudge_kind what);

  status current() const;
  bool linked(const uuid& node) const;

private:
  using clock = std::chrono::steady_clock;

  struct outbox {
    links::link_ptr link;
    std::string bytes;
  };
  struct dialling {
    bool under_way = false;
    clock::time_point next{};
    std::chrono::milliseconds pause{0};
  };

  bool accepts(const links::peer& who) override;
  void on_up(const links::link_ptr& which) override;
  void on_frame(links::link& which, std::span<const std::byte> payload) override;
  void on_down(const links::link_ptr& which, links::link_end why) override;

  bool reachable(const uuid& node) const override { return outboxes_.contains(node); }
  sent send(const uuid& node, item_kind kind, std::string_view head,
            std::string_view body) override;

  void handle(const uuid& node, const item& one);
  void hear_ownership(const uuid& node, std::string_view head);
  void broadcast(item_kind kind, std::string_view head);
  void tell_all_shards(const uuid& node);
  void flush(outbox& out);
  void flush_all();
  void dial_missing(clock::time_point now);
  void adopt(std::shared_ptr<const membership_view::picture> members);
  void tick();
  void publish();
  template <class Task>
  void run(Task task);

  caf::actor_system& system_;
  const settings settings_;
  const shard_board& board_;
  shard_table& table_;
  owner_directory& owners_;
  interconnect_events events_;
  std::shared_ptr<links::credentials> own_;
  std::uint16_t port_ = 0;

  boost::asio::io_context io_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> busy_{
    io_.get_executor()};
  boost::asio::steady_timer timer_{io_};
  // Of the thread alone.
  std::shared_ptr<links::link_hub> hub_;
  std::unique_ptr<dispatcher> dispatcher_;
  std::unique_ptr<gate> gate_;
  std::shared_ptr<const membership_view::picture> members_;
  std::unordered_map<uuid, outbox> outboxes_; ///< one for each link that is up
  std::unordered_map<uuid, dialling> dials_;
  bool flush_scheduled_ = false;
  std::uint64_t bytes_out_ = 0;
  std::uint64_t bytes_in_ = 0;
  std::uint32_t ticks_ = 0;

  mutable std::mutex mutex_;
  status status_; ///< under `mutex_`
  std::thread thread_;
};

} // namespace troupe::remote
