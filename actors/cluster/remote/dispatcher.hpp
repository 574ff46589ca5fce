#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <caf/all.hpp>

#include "actors/api/companion.hpp"
#include "actors/cluster/remote/envelope.hpp"
#include "actors/cluster/remote/owner_directory.hpp"
#include "actors/cluster/remote/transport.hpp"
#include "actors/cluster/remote/wire_kinds.hpp"
#include "actors/cluster/shard_table.hpp"
#include "base/slot_table.hpp"

namespace troupe::remote {

/// Takes requests for shards to their owners, on whichever node those are, and their answers back. Each
/// shard has a proxy: an actor's address that stands for the shard as long as the node lives, however often
/// the owner changes. Local actors and gateways send to it what they would send to the shard actor.
///
/// What happens to a request, within its deadline:
///   owner unknown, or no link to it     waits until that changes
///   `not_owner`                         corrects the directory; at once, three times; then with pauses
///   link lost, no answer possible       ambiguous: sent again with the same operation id, marked `again`
///   `operation_in_flight`, when again   its earlier attempt is still at work: later
///   any other answer                    goes to whoever asked
/// At the deadline: `timed_out` when it may have been carried out, else `shard_unavailable`. Over the
/// bounds: `overloaded`, at once.
///
/// One per node, for the thread of its io_context; only proxies may be used from any thread.
class dispatcher {
public:
  using clock = std::chrono::steady_clock;

  struct bounds {
    std::uint32_t requests = 65'536; ///< under way altogether
    std::uint32_t per_node = 8'192;  ///< sent to one node and not answered
  };
  struct counts {
    std::uint64_t sent = 0;    ///< to other nodes
    std::uint64_t retried = 0; ///< any attempt but a request's first
    std::uint64_t parked = 0;  ///< had to wait for an owner or a link
    std::uint64_t refused = 0; ///< over the bounds
    std::uint64_t expired = 0; ///< at their deadline
    std::uint32_t under_way = 0;
    std::uint32_t waiting = 0; ///< of them, for an owner or a link
  };

  dispatcher(caf::actor_system& system, boost::asio::io_context& io, const uuid& self,
             const shard_table& table, owner_directory& owners, transport& way, bounds limits);

  /// Makes the proxy of a shard; once for each.
  caf::strong_actor_ptr add_proxy(shard_ref ref);

  /// An answer of `node`.
  void on_answer(const uuid& node, const answer_head& head, std::string_view body);
  void on_link_up();
  void on_link_down(const uuid& node);
  /// The directory changed for `ref`.
  void on_owner_change(shard_ref ref);
  /// Call every few hundredths of a second.
  void tick(clock::time_point now);
  /// Answers everything that waits, for the end.
  void fail_all();

  counts count() const noexcept { return counts_; }

private:
  enum class place : std::uint8_t { parked, later, local, remote };

  struct pending {
    caf::strong_actor_ptr proxy; ///< who answers, as far as the asker knows
    caf::strong_actor_ptr asker; ///< null: wants no answer
    caf::message_id id;
    caf::message content; ///< (call, request)
    const wire_kind* kind = nullptr;
    shard_ref shard;
    clock::time_point deadline;
    place where = place::parked;
    uuid node;                  ///< where it was sent, for `remote`
    clock::time_point retry_at; ///< for `later`
    std::uint32_t hops = 0;     ///< answers `not_owner` so far
    bool ambiguous = false;     ///< an attempt may have been, or may yet be, carried out
  };

  void on_message(caf::mailbox_element& element);
  void accept(caf::mailbox_element& element);
  void route(std::uint64_t number);
  void park(std::uint64_t number, pending& request);
  void pause(pending& request);
  void send_to(std::uint64_t number, pending& request, const uuid& node, std::int64_t epoch);
  void mark_again(pending& request);
  void settle_failure(std::uint64_t number, const failure& why, std::int64_t epoch,
                      const uuid& owner, const uuid& from);
  void finish(std::uint64_t number, caf::message answer);
  void wake(shard_ref ref);
  void left(pending& request);

  uuid self_;
  const shard_table& table_;
  owner_directory& owners_;
  transport& way_;
  bounds limits_;
  companion sink_;
  std::unordered_map<const void*, shard_ref> shards_; ///< by the address of the proxy's actor
  slot_table<pending> requests_;
  std::unordered_map<shard_ref, std::vector<std::uint64_t>> parked_;
  std::unordered_map<uuid, std::uint32_t> outstanding_; ///< by node
  counts counts_;
  std::string head_; ///< kept for its memory
  std::string body_;
};

} // namespace troupe::remote
