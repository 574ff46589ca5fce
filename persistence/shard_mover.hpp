#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/family.hpp"
#include "persistence/migrations.hpp"

namespace troupe {

/// What of a move is done. After a crash behind any of them, the next mover finishes (from `flipped` on) or
/// undoes (before) what is left.
enum class move_step : std::uint8_t {
  asked,        ///< nodes let go of the shard
  source_taken, ///< nobody but this mover may write it
  copied,       ///< its rows are in the target, counted and compared
  flipped,      ///< it lives there: nodes take it up again
  cleaned,      ///< nothing of it is left at the source
  finished,
};

struct shard_mover_settings {
  std::vector<database_address> databases; ///< all of them; the first is the control database
  std::string name;                        ///< as a member of the cluster
  std::string host;
  std::string build;
  std::chrono::milliseconds renew_interval{500};
  std::chrono::milliseconds lease{2'000};
  std::chrono::milliseconds drain_limit{30'000}; ///< for the shard's owner to let go
  /// Called after each step. False ends the mover on the spot, as a crash would.
  std::function<bool(shard_ref, move_step)> after;
};

struct moved_shard {
  std::int64_t rows = 0;
  std::chrono::milliseconds away{0}; ///< between the end of one owner and the flip
};

/// Moves shards to other databases, one after the other, while nodes serve. It is a member of the cluster
/// that owns no shards for long: when it no longer renews it is declared dead like a node, its moves count
/// for nothing from then on, and it cannot flip any more. Every function blocks; used by one thread.
/// Errors: `storage_unavailable`, `precondition_failed` when somebody else moves the shard or there is no
/// such shard or database, `timed_out` when an owner does not let go, `shard_unavailable` when this mover
/// was declared dead, `internal`; the details are for operators.
class shard_mover {
public:
  /// Joins the cluster and renews from a thread of its own.
  static result<std::unique_ptr<shard_mover>> start(shard_mover_settings settings);

  /// Leaves the cluster.
  virtual ~shard_mover() = default;

  /// Finishes or undoes what dead movers left; gives those shards. Waits a few seconds for a mover that no
  /// longer renews to be declared dead.
  virtual result<std::vector<shard_ref>> settle() = 0;

  /// A shard that lives in `target` already is left as it is.
  virtual result<moved_shard> move(shard_ref ref, const std::string& target) = 0;
};

} // namespace troupe
