#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

#include "actors/api/provider.hpp"

// When a provider is fetched again, by what its last fetches came to. Pure.

namespace troupe {

/// Failures in a row from which on a provider's circuit is open: only single fetches probe it.
inline constexpr std::uint32_t circuit_opens_at = 5;

/// `closed`, `open`, or `half-open` while a probe runs.
std::string_view circuit_of(const fetch_progress& progress) noexcept;

/// The pause between the end of the last fetch and the next. Without failures the interval counts from
/// the start of the last, which is not this function's matter. After failures: full jitter over an
/// exponential back-off from a second, never more than the interval; with an open circuit half to all of
/// the larger of the interval and a minute. `random` is spread evenly over 0 to 1.
std::chrono::milliseconds pause_after_failure(const fetch_progress& progress,
                                              std::chrono::seconds interval,
                                              double random) noexcept;

} // namespace troupe
