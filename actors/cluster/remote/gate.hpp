#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

#include <boost/asio/io_context.hpp>
#include <caf/all.hpp>

#include "actors/api/companion.hpp"
#include "actors/cluster/remote/envelope.hpp"
#include "actors/cluster/remote/owner_directory.hpp"
#include "actors/cluster/remote/transport.hpp"
#include "actors/cluster/remote/wire_kinds.hpp"
#include "actors/cluster/shard_table.hpp"
#include "actors/shard/shard_board.hpp"
#include "base/slot_table.hpp"

namespace troupe::remote {

/// Where every request of another node enters this one. It checks, in this order:
///   size        a body over `max_body`, a head that is none: `malformed_body`
///   deadline    nothing left of it: `timed_out`
///   epoch       a later one of another owner is known: `not_owner`
///   admission   too much of that node is under way: `overloaded`
///   state       the shard is not acquiring, loading or active here: `not_owner`
/// and then gives the request to the shard actor, which finds duplicates by the operation id, in flight and
/// in the ledger. The answer goes back to whoever asked; `not_owner` with what this node knows of the
/// owner. Nothing that a peer sends can make it throw, wait or grow.
///
/// One per node, for the thread of its io_context.
class gate {
public:
  using clock = std::chrono::steady_clock;

  struct counts {
    std::uint64_t received = 0;
    std::uint64_t malformed = 0;
    std::uint64_t late = 0;
    std::uint64_t not_owner = 0;
    std::uint64_t refused = 0; ///< over the bound
    std::uint32_t under_way = 0;
  };

  /// `per_node`: requests of one node that may be under way.
  gate(caf::actor_system& system, boost::asio::io_context& io, const uuid& self,
       const shard_table& table, const shard_board& board, const owner_directory& owners,
       transport& way, std::uint32_t per_node);

  /// A request item of `node`.
  void on_request(const uuid& node, std::string_view head, std::string_view body);
  void on_link_down(const uuid& node);
  /// Forgets what nobody waits for any more. Call about every second.
  void tick(clock::time_point now);

  counts count() const noexcept { return counts_; }

private:
  struct pending {
    uuid node;
    std::uint64_t id = 0; ///< the caller's
    const wire_kind* kind = nullptr;
    shard_ref shard;
    clock::time_point deadline;
  };

  void on_message(caf::mailbox_element& element);
  void refuse(const uuid& node, std::uint64_t id, const failure& why, shard_ref shard);
  void left(const uuid& node);

  uuid self_;
  const shard_table& table_;
  const shard_board& board_;
  const owner_directory& owners_;
  transport& way_;
  std::uint32_t per_node_;
  companion sink_;
  slot_table<pending> requests_{1u << 18};
  std::unordered_map<uuid, std::uint32_t> under_way_; ///< by node
  counts counts_;
  std::string head_; ///< kept for its memory
  std::string body_;
};

} // namespace troupe::remote
