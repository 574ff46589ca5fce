#pragma once

#include <caf/all.hpp>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "actors/api/call.hpp"
#include "actors/api/errors.hpp"
#include "actors/shard/shard_board.hpp"
#include "actors/shard/shard_life.hpp"
#include "actors/type_ids.hpp"
#include "base/error.hpp"
#include "base/lease.hpp"
#include "persistence/database_set.hpp"
#include "persistence/ports.hpp"

namespace troupe {

/// Asks a shard actor to give its shard up: it takes nothing new, finishes what is under way and
/// releases the fence. Answered when that is done.
struct release_shard {};
struct shard_released {};

/// Tells a shard actor to make this node the owner of its shard, if the fence still stands at `seen_epoch`.
/// Ignored unless the shard is unowned, released or fenced.
struct acquire_shard {
  std::int64_t seen_epoch = 0;
  shard_storage storage; ///< where its rows live now
};

/// What every shard actor answers besides its family's requests.
using shard_actor = shard_client::extend<caf::result<shard_released>(release_shard),
                                         caf::result<void>(acquire_shard)>;

struct shard_settings {
  shard_ref ref;
  uuid incarnation;
  shard_board::entry* board = nullptr; ///< outlives the actor
  const node_lease* lease = nullptr;   ///< outlives the actor
  std::size_t hot_bytes = 1 << 20;     ///< bound on this shard's hot state
  std::size_t queue = 1024;            ///< requests that may wait until the shard is active
  /// Told every transition, on the actor's thread.
  std::function<void(shard_ref, shard_state, std::int64_t epoch)> on_transition;
};

/// The answer to one request, given once, now or later, on the actor's thread.
template <class R>
class reply {
public:
  explicit reply(caf::typed_response_promise<R> promise) : promise_(std::move(promise)) {}
  void operator()(R answer) { promise_.deliver(std::move(answer)); }
  void operator()(const failure& why) { promise_.deliver(to_caf_error(why)); }

private:
  caf::typed_response_promise<R> promise_;
};

/// What all families' shard actors have in common: the life of the tenure, admission, tickets for
/// writes and loads, operation ids in flight, and jobs. A family's state holds one and adds its
/// entities and decisions. A shard is unowned until `acquire_shard`, and may come and go any number of
/// times. Owned by its actor; only touched in its handlers.
class shard_core {
public:
  using clock = std::chrono::steady_clock;
  using write_handler = std::move_only_function<void(write_receipt&)>;
  using load_handler = std::move_only_function<void(load_receipt&)>;
  /// Runs a job and says whether it is done; called again later when it is not.
  using job_handler = std::function<void(const job_record&, std::function<void(bool)> done)>;

  struct hooks {
    /// Loads what the family needs before it serves; calls `ready(true)` when done.
    std::function<void(std::function<void(bool)> ready)> load;
    job_handler run_job;
    /// Drops all hot state and tells those in line why.
    std::function<void(const failure&)> drop;
  };

  shard_core(caf::scheduled_actor* self, shard_client me, shard_settings settings, hooks family);

  bool active() const noexcept { return life_.state() == shard_state::active; }
  const shard_life& life() const noexcept { return life_; }

  /// Whether memory may be answered from now: the others may have taken the shard once this node's
  /// lease is over. Ask at the moment of the answer. Writes need no lease; their fence is checked. A shard
  /// that drains is still owned: what it admitted before is answered.
  bool may_tell() const noexcept {
    return (active() || life_.state() == shard_state::draining) && settings_.lease->valid();
  }

  /// Why it may not: the shard is another node's now, or nobody can say whose.
  failure cannot_tell() const;

  /// Runs `work` when the shard serves: at once, or when it has become active; else calls `refuse`.
  /// Exactly one of both is called, once.
  void admit(const call& c, std::move_only_function<void()> work,
             std::move_only_function<void(const failure&)> refuse);

  /// Hands a unit to the writer lane; shard and epoch are filled in. `done` gets the receipt, except
  /// when the tenure ends before: then it is called with status fenced.
  void write(write_unit unit, write_handler done);

  /// Loads one key. `done` always gets a receipt.
  void load(load_key key, load_handler done);

  /// False when the operation is under way already.
  bool begin_operation(const uuid& op_id) { return operations_.insert(op_id).second; }
  void end_operation(const uuid& op_id) { operations_.erase(op_id); }

  // What the actor's handlers for shard_actor call.
  void on(write_receipts& receipts);
  void on(load_receipts& receipts);
  void on(const acquire_receipt& receipt);
  void on(const tenure_lost& lost);
  void on(const release_shard&, reply<shard_released> done);
  void on(const acquire_shard& wanted);

  /// For the board: bytes of hot state and requests in line.
  void report(std::size_t hot_bytes, std::size_t waiting);

private:
  struct queued {
    call c;
    std::move_only_function<void()> work;
    std::move_only_function<void(const failure&)> refuse;
  };
  struct pending_write {
    std::shared_ptr<const write_unit> unit;
    write_handler done;
  };

  void load_state();
  void become_active();
  void become_fenced(std::string_view why);
  void fail_queue(const failure& why);
  void enqueue_job(job_record job);
  void run_jobs();
  void job_ended(job_record job, bool done);
  void enqueue_job_later(job_record job);
  void release_when_idle();
  std::chrono::milliseconds retry_delay();

  caf::scheduled_actor* self_;
  shard_client me_;
  shard_settings settings_;
  shard_storage storage_; ///< of the present tenure
  hooks family_;
  shard_life life_;
  // Closures below may end operations when they are destroyed: the set goes last.
  std::unordered_set<uuid> operations_;
  std::deque<queued> queue_;
  std::unordered_map<std::uint64_t, pending_write> writes_;
  std::unordered_map<std::uint64_t, load_handler> loads_;
  std::uint64_t next_ticket_ = 1;
  std::deque<job_record> jobs_;
  std::size_t jobs_running_ = 0;
  std::uint32_t retries_ = 0; ///< in a row, of loading
  std::vector<reply<shard_released>> release_replies_;
  bool releasing_ = false; ///< a release was asked for: not active again in this tenure
  bool acquisition_under_way_ = false;
};

/// Marks a client's operation as under way for as long as it lives.
class operation_mark {
public:
  operation_mark() = default;
  operation_mark(shard_core& core, const uuid& op_id) : core_(&core), op_id_(op_id) {}
  operation_mark(operation_mark&& other) noexcept
    : core_(std::exchange(other.core_, nullptr)), op_id_(other.op_id_) {}
  operation_mark& operator=(operation_mark&& other) noexcept {
    std::swap(core_, other.core_);
    std::swap(op_id_, other.op_id_);
    return *this;
  }
  ~operation_mark() {
    if (core_) core_->end_operation(op_id_);
  }

private:
  shard_core* core_ = nullptr;
  uuid op_id_;
};

} // namespace troupe
