#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "actors/api/guard.hpp"
#include "base/metrics.hpp"
#include "base/uuid.hpp"

namespace troupe {
struct limits_settings;
}

namespace troupe::gateway {

/// Whose requests are counted together.
enum class limit_kind : std::uint8_t { principal = 0, address = 1 };

/// One bucket's key: an account, or an address (IPv6 ones by their /64, as one client has all of
/// it).
struct limit_key {
  limit_kind kind = limit_kind::principal;
  std::array<std::uint8_t, 16> bytes{};

  bool operator==(const limit_key&) const = default;
};

limit_key principal_key(const uuid& account_id) noexcept;
limit_key address_key(const std::array<std::uint8_t, 4>& ipv4) noexcept;
limit_key address_key(const std::array<std::uint8_t, 16>& ipv6) noexcept;

/// As `bucket_usage` names it: `p:` or `a:` and 32 hex digits; and back.
std::string to_string(const limit_key& key);
std::optional<limit_key> parse_limit_key(std::string_view text) noexcept;

/// What the limiter said to one request; enough for the fields `RateLimit` and `Retry-After`.
struct limit_decision {
  bool allowed = true;
  limit_kind kind = limit_kind::principal;
  std::uint32_t remaining = 0;     ///< requests that may follow at once
  std::uint32_t reset_s = 0;       ///< seconds until the bucket is full again, rounded up
  std::uint32_t retry_after_s = 0; ///< seconds until one more request is allowed; 0 when allowed
};

/// Token buckets per principal and per address. One per node, used by all gateway threads: a table
/// of fixed size in stripes, each with its lock; no allocation and about 50 ns per request. When
/// its part of the table is full, the bucket that has the most tokens left makes room, which loses
/// the least.
class rate_limiter {
public:
  using clock = std::chrono::steady_clock;

  /// A rate or burst of 0 turns that kind off. `capacity`: buckets, rounded up to a power of two.
  rate_limiter(const limits_settings& settings, metric_registry& metrics,
               std::size_t capacity = 65'536);
  ~rate_limiter();

  rate_limiter(const rate_limiter&) = delete;
  rate_limiter& operator=(const rate_limiter&) = delete;

  /// False: requests of this kind are not limited; `take` allows them all.
  bool limits(limit_kind kind) const noexcept { return policy(kind).interval_ns > 0; }

  /// Takes one token. `now` comes from a monotonic clock and may lag a little behind other
  /// threads'.
  limit_decision take(const limit_key& key, clock::time_point now) noexcept;

  /// The field `RateLimit-Policy` for a kind, such as `"principal";q=200;w=2`; empty when it is
  /// off.
  std::string_view policy_field(limit_kind kind) const noexcept { return policy(kind).field; }

  /// The field `RateLimit`, such as `"principal";r=199;t=1`.
  static std::string limit_field(const limit_decision& decision);

  /// Call once a second: the buckets that were used the most since the last call, for the guard.
  /// Only those that took at least a tenth of what their rate allows in a second; at most
  /// `at_most`.
  report_usage collect_usage(std::size_t at_most = 256);

  /// What other nodes took from the same buckets meanwhile, as the guard answered.
  void apply(const usage_elsewhere& usage, clock::time_point now);

  /// Buckets in use, full ones included.
  std::size_t size() const;

private:
  struct kind_policy {
    std::int64_t interval_ns = 0; ///< per token; 0: off
    std::int64_t burst_ns = 0;    ///< interval times burst
    std::string field;
  };
  struct bucket;
  struct stripe;
  class probe;

  const kind_policy& policy(limit_kind kind) const noexcept {
    return policies_[static_cast<std::size_t>(kind)];
  }
  stripe& stripe_of(std::uint64_t hash) const noexcept;
  // For both, the stripe is locked for as long as the bucket is used.
  bucket* find(stripe& where, std::uint64_t hash, const limit_key& key) const noexcept;
  bucket& find_or_make(stripe& where, std::uint64_t hash, const limit_key& key,
                       std::int64_t now) noexcept;
  std::uint64_t hash_of(const limit_key& key) const noexcept;

  std::array<kind_policy, 2> policies_;
  std::array<std::uint8_t, 16> hash_key_{}; ///< random: nobody can aim at one part of the table
  std::size_t stripe_count_ = 0;
  std::size_t sets_per_stripe_ = 0;
  std::unique_ptr<stripe[]> stripes_;
  std::unique_ptr<probe> probe_;
};

} // namespace troupe::gateway
