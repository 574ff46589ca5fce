#pragma once

#include <chrono>
#include <cstdint>

namespace troupe {

/// Bounds of lanes and readers. All times are counted on the monotonic clock.
struct database_limits {
  std::uint32_t batch_units = 512;         ///< units of one transaction
  std::uint32_t batch_bytes = 1024 * 1024; ///< of their rows and answers, roughly
  /// Least time between the starts of a lane's transactions while units come side by side; 0: none.
  std::chrono::milliseconds commit_interval{0};
  std::uint32_t lane_credits = 4096;   ///< units under way towards one lane
  std::uint32_t reader_credits = 4096; ///< loads and lists under way towards one reader
  std::chrono::milliseconds connect_timeout{3'000};
  std::chrono::milliseconds statement_timeout{5'000}; ///< the server's own limit
  /// A round trip longer than this is cut by the watchdog; more than `statement_timeout`.
  std::chrono::milliseconds round_trip_timeout{7'000};
  /// What was never sent waits this long for a database that is away, then it is refused.
  std::chrono::milliseconds unit_wait{5'000};
  /// How long a take-over waits for the old owner's transaction before it ends that backend.
  std::chrono::milliseconds takeover_wait{1'500};
  std::chrono::milliseconds backoff_min{50};
  std::chrono::milliseconds backoff_max{2'000};
  std::chrono::hours operation_retention{24}; ///< of rows of the operation ledger
};

} // namespace troupe
