#pragma once

#include <chrono>
#include <cstddef>
#include <list>
#include <unordered_map>

#include "persistence/redis_port.hpp"

namespace troupe {

/// Failed log-ins and lock-outs as this node knows them; the same rules that Redis applies for all
/// nodes. For the guard actor only. Holds at most `limit` subjects: the one untouched for longest
/// makes room.
class lockout_book {
public:
  using clock = std::chrono::steady_clock;
  using time_point = clock::time_point;

  explicit lockout_book(std::size_t limit) : limit_(limit) {}

  /// How long the subject is still locked out; 0 when it is not.
  std::chrono::milliseconds left(const lock_subject& subject, time_point now) const;

  /// Counts a failure; gives back what `left` would.
  std::chrono::milliseconds count_failure(const lock_rule& rule, time_point now);

  /// Takes over a lock that somebody else decided on. Never shortens one.
  void lock(const lock_subject& subject, std::chrono::milliseconds time, time_point now);

  /// Forgets the failures of a subject, not its locks.
  void clear_failures(const lock_subject& subject);

  std::size_t size() const noexcept { return entries_.size(); }

private:
  struct entry {
    lock_subject subject{};
    std::uint32_t failures = 0;
    std::uint32_t locks = 0;
    time_point window_ends{};
    time_point locked_until{};
    time_point locks_forgotten{};
  };
  struct subject_hash {
    std::size_t operator()(const lock_subject& subject) const noexcept;
  };

  entry& touch(const lock_subject& subject);

  std::size_t limit_;
  std::list<entry> entries_; ///< the one touched last stands first
  std::unordered_map<lock_subject, std::list<entry>::iterator, subject_hash> index_;
};

} // namespace troupe
