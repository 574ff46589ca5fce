#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "actors/cluster/membership.hpp"
#include "actors/cluster/remote/owner_directory.hpp"
#include "actors/shard/shard_board.hpp"
#include "persistence/placement_store.hpp"

namespace troupe {

/// The node that should own a shard: by weighted rendezvous hashing over the active members that host its
/// family, so that all who know the same members agree without talking, and a member that comes or goes
/// moves only its own share. The hash takes the node's name: one that starts again gets its shards back. Of
/// two incarnations of one name the newer counts. `pin`: the name of the node an operator wants; it counts
/// while that node is active. Null when nobody is there.
/// Source: Mosko et al., "Weighted Distributed Hash Tables", logarithmic method.
const member_record* wanted_owner(shard_ref ref, std::span<const member_record> members,
                                  const std::string* pin);

/// Decides which shards this node should acquire now, which ones it should ask their owners for, and which of
/// its own it gives away. Plain: no actor, no I/O, no clock of its own. Owned by the placement actor.
///
/// A shard whose owner lives is moved by that owner alone: this node asks, the owner drains. One whose owner
/// has ended, or that nobody owns, is acquired at once, on the epoch that was seen: whoever is faster wins.
/// Moves from owners that go on serving are limited in number and speed; from draining ones they are not.
class placement {
public:
  using clock = std::chrono::steady_clock;

  struct settings {
    uuid self;
    std::uint32_t moves_per_second = 64;
    std::chrono::milliseconds ramp_up{10'000};
    std::chrono::milliseconds patience{2'000}; ///< until an owner is asked again
  };

  struct to_acquire {
    shard_ref ref;
    std::int64_t seen_epoch = 0;
  };
  struct to_ask_for {
    uuid owner;
    shard_ref ref;
    std::int64_t epoch = 0;
  };
  struct plan {
    std::vector<to_acquire> acquire;
    std::vector<to_ask_for> ask;
    std::vector<shard_ref> release; ///< a mover waits for them
    /// Some wanted shard is not here yet: look again soon.
    bool unfinished = false;
    /// Of some of them the fence has to be read again first: look at once.
    bool outdated = false;
  };

  placement(settings wanted, const shard_board& board, remote::owner_directory& owners);

  /// Takes over what the databases say. Gives the shards of which this node knows more now. `read_at`:
  /// after the databases were read.
  std::vector<shard_ref> learn(const placement_store::picture& seen, clock::time_point read_at);

  plan make_plan(const membership_view::picture& members,
                 const std::function<bool(const uuid&)>& linked, clock::time_point now);

  /// Whether the request of `node` for a shard of this node shall be granted.
  bool grants(const uuid& node, shard_ref ref, std::int64_t epoch,
              const membership_view::picture& members) const;

private:
  const std::string* pin_of(shard_ref ref) const;
  double allowance(clock::time_point now);

  settings settings_;
  const shard_board& board_;
  remote::owner_directory& owners_;
  std::unordered_map<shard_ref, std::string> pins_;
  std::unordered_set<shard_ref> moving_; ///< on their way to another database
  struct reading {
    clock::time_point at;
    std::int64_t epoch = 0;
  };
  std::unordered_map<shard_ref, reading> read_; ///< what the fence said last
  std::unordered_map<shard_ref, clock::time_point> asked_;
  std::optional<clock::time_point> active_since_;
  clock::time_point last_plan_{};
  double tokens_ = 0;
};

} // namespace troupe
