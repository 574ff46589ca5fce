#include "actors/guard/lockout_book.hpp"

#include <algorithm>
#include <cstring>

namespace troupe {

using std::chrono::milliseconds;

std::size_t lockout_book::subject_hash::operator()(const lock_subject& subject) const noexcept {
  std::size_t hash = 0; // the subject is a hash already
  std::memcpy(&hash, subject.data(), sizeof hash);
  return hash;
}

milliseconds lockout_book::left(const lock_subject& subject, time_point now) const {
  const auto found = index_.find(subject);
  if (found == index_.end() || found->second->locked_until <= now) return milliseconds{0};
  return std::chrono::ceil<milliseconds>(found->second->locked_until - now);
}

milliseconds lockout_book::count_failure(const lock_rule& rule, time_point now) {
  auto& it = touch(rule.subject);
  if (it.failures == 0 || it.window_ends <= now) {
    it.failures = 0;
    it.window_ends = now + rule.window;
  }
  if (++it.failures >= rule.attempts) {
    if (it.locks_forgotten <= now) it.locks = 0;
    const auto time = std::min(rule.lock_time * (std::int64_t{1} << std::min(it.locks, 30u)),
                               rule.longest);
    ++it.locks;
    it.failures = 0;
    it.locked_until = std::max(it.locked_until, now + time);
    it.locks_forgotten = now + rule.memory;
  }
  return left(rule.subject, now);
}

void lockout_book::lock(const lock_subject& subject, milliseconds time, time_point now) {
  auto& it = touch(subject);
  it.locked_until = std::max(it.locked_until, now + time);
}

void lockout_book::clear_failures(const lock_subject& subject) {
  if (const auto found = index_.find(subject); found != index_.end()) found->second->failures = 0;
}

lockout_book::entry& lockout_book::touch(const lock_subject& subject) {
  if (const auto found = index_.find(subject); found != index_.end()) {
    entries_.splice(entries_.begin(), entries_, found->second);
    return entries_.front();
  }
  if (entries_.size() >= limit_) {
    index_.erase(entries_.back().subject);
    entries_.pop_back();
  }
  entries_.push_front({.subject = subject});
  index_.emplace(subject, entries_.begin());
  return entries_.front();
}

} // namespace troupe
