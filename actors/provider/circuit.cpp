#include "actors/provider/circuit.hpp"

#include <algorithm>

namespace troupe {

using namespace std::chrono_literals;

std::string_view circuit_of(const fetch_progress& progress) noexcept {
  if (progress.failures < circuit_opens_at) return "closed";
  return progress.running ? "half-open" : "open";
}

std::chrono::milliseconds pause_after_failure(const fetch_progress& progress,
                                              std::chrono::seconds interval,
                                              double random) noexcept {
  const std::chrono::milliseconds whole = interval;
  if (progress.failures >= circuit_opens_at) {
    const auto longest = static_cast<double>(
      std::max<std::chrono::milliseconds>(whole, 1min).count());
    return std::chrono::milliseconds{static_cast<std::int64_t>(longest * (0.5 + random / 2))};
  }
  const auto most = std::min<std::chrono::milliseconds>(whole, 1s * (1u << progress.failures));
  return std::chrono::milliseconds{
    static_cast<std::int64_t>(static_cast<double>(most.count()) * random)};
}

} // namespace troupe
