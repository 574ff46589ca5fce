#pragma once

#include <cstdint>
#include <functional>
#include <string_view>
#include <utility>

#include "actors/shard/shard_board.hpp"
#include "actors/shard/shard_state.hpp"
#include "base/family.hpp"
#include "base/uuid.hpp"

namespace troupe {

/// The state machine of one shard's tenure on one node. Every transition is one log event
/// `shard.transition` with family, shard, epoch, incarnation and why; the order of events is the order of
/// transitions. Owned by the shard actor.
class shard_life {
public:
  using listener = std::function<void(shard_ref, shard_state, std::int64_t epoch)>;

  /// `board` is kept up to date; it outlives this object. `told` hears each transition after it.
  shard_life(shard_ref ref, uuid incarnation, shard_board::entry& board, listener told = {})
    : ref_(ref), incarnation_(incarnation), board_(board), told_(std::move(told)) {}

  shard_state state() const noexcept { return state_; }
  std::int64_t epoch() const noexcept { return epoch_; }
  shard_ref ref() const noexcept { return ref_; }
  const uuid& incarnation() const noexcept { return incarnation_; }

  void start_acquiring(std::string_view why);
  /// Back to unowned.
  void not_acquired(std::string_view why);
  /// The fence row now holds `epoch` for this incarnation.
  void acquired(std::int64_t epoch);
  void activate();
  void start_draining(std::string_view why);
  void released();
  void fenced(std::string_view why);

private:
  void enter(shard_state next, std::string_view why);

  shard_ref ref_;
  uuid incarnation_;
  shard_board::entry& board_;
  listener told_;
  shard_state state_ = shard_state::unowned;
  std::int64_t epoch_ = 0;
};

} // namespace troupe
