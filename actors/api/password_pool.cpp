#include "actors/api/password_pool.hpp"

#include <algorithm>

namespace troupe {

password_pool::password_pool(std::vector<password_actor> workers, std::uint32_t queue)
  : workers_(std::move(workers)) {
  const auto count = static_cast<std::uint32_t>(std::max<std::size_t>(workers_.size(), 1));
  const auto share = std::max(1u, (queue + count - 1) / count);
  for (std::size_t i = 0; i < workers_.size(); ++i)
    queues_.push_back(std::make_shared<credits>(share));
}

result<password_pool::place> password_pool::take() {
  const auto count = workers_.size();
  const auto start = next_.fetch_add(1, std::memory_order_relaxed);
  std::size_t best = 0;
  std::uint32_t shortest = ~0u;
  for (std::size_t i = 0; i < count; ++i) {
    const auto at = (start + i) % count;
    const auto length = queues_[at]->taken();
    if (length < shortest) {
      shortest = length;
      best = at;
    }
  }
  if (count == 0 || !queues_[best]->try_take())
    return std::unexpected(failure{errc::overloaded, "too many passwords to check", {}, 1});
  return place{workers_[best], queues_[best]};
}

} // namespace troupe
