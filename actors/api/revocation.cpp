#include "actors/api/revocation.hpp"

#include <mutex>

namespace troupe {

revocation_set::revocation_set(std::size_t limit) : limit_(limit) {}

bool revocation_set::contains(const uuid& session_id) const {
  const std::shared_lock lock{mutex_};
  return ids_.contains(session_id);
}

std::size_t revocation_set::add(std::span<const uuid> session_ids, clock::time_point expires_at) {
  const std::unique_lock lock{mutex_};
  std::size_t added = 0;
  for (const auto& id : session_ids) {
    if (!ids_.insert(id).second) continue;
    order_.emplace_back(expires_at, id);
    ++added;
    if (ids_.size() <= limit_) continue;
    ids_.erase(order_.front().second);
    order_.pop_front();
    overflows_.fetch_add(1, std::memory_order_relaxed);
  }
  // Under the lock: whoever sees the new number finds the new ids once it gets the lock.
  if (added > 0) generation_.fetch_add(1, std::memory_order_release);
  return added;
}

void revocation_set::forget_expired(clock::time_point now) {
  const std::unique_lock lock{mutex_};
  // Nearly in order of expiry; one that expires later than its successors only delays those.
  while (!order_.empty() && order_.front().first <= now) {
    ids_.erase(order_.front().second);
    order_.pop_front();
  }
}

std::size_t revocation_set::size() const {
  const std::shared_lock lock{mutex_};
  return ids_.size();
}

} // namespace troupe
