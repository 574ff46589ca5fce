#pragma once

#include <array>
#include <atomic>
#include <caf/all.hpp>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/error.hpp"
#include "base/uuid.hpp"
#include "persistence/type_ids.hpp"

// The typed port to Redis. Redis holds nothing that cannot be lost, so every request may fail and
// every sender goes on without its answer. All times are spans: Redis' own clock measures them, and
// no node's wall clock is ever compared with another's.
//
// Like the writer lanes, the actor takes numbered requests and gives receipts, many at a time.

namespace troupe {

/// What is locked out and counted: a keyed hash, so that Redis sees neither names nor addresses.
using lock_subject = std::array<std::uint8_t, 16>;

// -- lock-outs ------------------------------------------------------------------------------------

/// How long the longest lock on any of these still lasts. Answer: `lock_left`.
struct read_locks {
  std::vector<lock_subject> subjects;
};

/// When failures of one subject become a lock, and how long that lasts.
struct lock_rule {
  lock_subject subject{};
  std::uint32_t attempts = 0;          ///< failures within `window` that lock it
  std::chrono::milliseconds window{0}; ///< counted from the first of them
  std::chrono::milliseconds lock_time{
    0}; ///< of the first lock; each further one takes twice as long,
  std::chrono::milliseconds longest{0}; ///< up to this
  std::chrono::milliseconds memory{
    0}; ///< without a lock for so long, the next one is a first one again
};

/// Counts one failure for each subject. Answer: `lock_left`.
struct count_failure {
  std::vector<lock_rule> rules;
};

/// Forgets the failures of a subject, not its locks. Answer: `redis_done`.
struct clear_failures {
  lock_subject subject{};
};

struct lock_left {
  std::chrono::milliseconds time{0};
};

// -- revocations ----------------------------------------------------------------------------------

/// Tells every node that listens now, and keeps the ids for those that start within `lifetime`.
/// Answer: `redis_done`.
struct share_revocations {
  std::vector<uuid> session_ids;
  std::chrono::milliseconds lifetime{0};
};

/// All revocations that still count; at most 100,000. Answer: `shared_revocations`.
struct load_revocations {};
struct shared_revocations {
  std::vector<std::pair<uuid, std::chrono::milliseconds>>
    items; ///< with the time each still counts
};

// -- usage of rate-limit buckets -----------------------------------------------------------------

/// Adds to counters that are forgotten after 10 s of rest. Answer: `usage_totals`, in the same
/// order.
struct add_usage {
  std::vector<std::pair<std::string, std::uint32_t>> buckets;
};
struct usage_totals {
  std::vector<std::uint64_t> totals;
};

// -- response cache ------------------------------------------------------------------------------

/// Answer: `kept_response`.
struct fetch_response {
  uuid op_id;
};
struct kept_response {
  std::optional<std::string> bytes;
};

/// Answer: `redis_done`.
struct store_response {
  uuid op_id;
  std::string bytes;
  std::chrono::milliseconds lifetime{0};
};

// -- actors --------------------------------------------------------------------------------------

struct redis_done {};

using redis_operation = std::variant<read_locks, count_failure, clear_failures, share_revocations,
                                     load_revocations, add_usage, fetch_response, store_response>;

/// `monostate` together with `why` in a receipt.
using redis_answer = std::variant<std::monostate, lock_left, redis_done, shared_revocations,
                                  usage_totals, kept_response>;

struct redis_receipt {
  std::uint64_t ticket = 0; ///< as the sender gave it
  redis_answer answer;
  failure why{errc::none, {}, {}, {}}; ///< not none: Redis is out of reach or refused the operation
};
struct redis_receipts {
  std::vector<redis_receipt> items;
};

using redis_client = caf::typed_actor<caf::result<void>(redis_receipts)>;

struct redis_request {
  std::uint64_t ticket = 0;
  redis_operation operation;
  redis_client reply_to;
};

/// Owns one connection to Redis and one thread; a few milliseconds at most, then every request has
/// its receipt, also without Redis. Its mailbox is bounded by its senders: the guard has at most
/// 1,000 requests under way. One per node.
using redis_actor = caf::typed_actor<caf::result<void>(redis_request)>;

/// Sessions that some node revoked just now; possibly this one.
struct revocations_heard {
  std::vector<uuid> session_ids;
  std::chrono::milliseconds lifetime{0};
};

/// From now on revocations are heard again; what was revoked before has to be loaded.
struct revocation_feed_restored {};

using revocation_listener = caf::typed_actor<caf::result<void>(revocations_heard),
                                             caf::result<void>(revocation_feed_restored)>;

/// Whether Redis can be reached. Shared by the Redis actors, which write it, and by whoever would
/// rather not ask Redis while it is down. Any thread.
class redis_status {
public:
  bool up() const noexcept { return commands_.load(std::memory_order_relaxed); }
  bool hears_revocations() const noexcept { return feed_.load(std::memory_order_relaxed); }

  void set_up(bool up) noexcept { commands_.store(up, std::memory_order_relaxed); }
  void set_hears_revocations(bool hears) noexcept { feed_.store(hears, std::memory_order_relaxed); }

private:
  std::atomic<bool> commands_{false};
  std::atomic<bool> feed_{false};
};

} // namespace troupe
