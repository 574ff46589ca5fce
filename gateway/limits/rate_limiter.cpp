#include "gateway/limits/rate_limiter.hpp"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>
#include <sodium.h>

#include "config/settings.hpp"

namespace troupe::gateway {

namespace {

constexpr std::size_t ways = 8; ///< buckets among which a key has its place
constexpr std::size_t stripe_limit = 64;
constexpr std::int64_t second_ns = 1'000'000'000;

std::int64_t to_ns(rate_limiter::clock::time_point t) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(t.time_since_epoch()).count();
}

std::uint32_t seconds_up(std::int64_t ns) {
  return ns <= 0 ? 0 : static_cast<std::uint32_t>((ns + second_ns - 1) / second_ns);
}

constexpr std::string_view name_of(limit_kind kind) {
  return kind == limit_kind::principal ? "principal" : "address";
}

} // namespace

limit_key principal_key(const uuid& account_id) noexcept {
  return {limit_kind::principal, account_id.bytes};
}

limit_key address_key(const std::array<std::uint8_t, 4>& ipv4) noexcept {
  limit_key key{.kind = limit_kind::address};
  key.bytes[10] = key.bytes[11] = 0xff;
  std::ranges::copy(ipv4, key.bytes.begin() + 12);
  return key;
}

limit_key address_key(const std::array<std::uint8_t, 16>& ipv6) noexcept {
  constexpr std::array<std::uint8_t, 12> v4_mapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  limit_key key{.kind = limit_kind::address};
  const bool is_v4 = std::equal(v4_mapped.begin(), v4_mapped.end(), ipv6.begin());
  std::copy_n(ipv6.begin(), is_v4 ? 16 : 8, key.bytes.begin());
  return key;
}

std::string to_string(const limit_key& key) {
  constexpr char digits[] = "0123456789abcdef";
  std::string out = key.kind == limit_kind::principal ? "p:" : "a:";
  for (auto byte : key.bytes) {
    out += digits[byte >> 4];
    out += digits[byte & 15];
  }
  return out;
}

std::optional<limit_key> parse_limit_key(std::string_view text) noexcept {
  if (text.size() != 34 || (text[0] != 'p' && text[0] != 'a') || text[1] != ':')
    return std::nullopt;
  limit_key key{.kind = text[0] == 'p' ? limit_kind::principal : limit_kind::address};
  for (std::size_t i = 0; i < key.bytes.size(); ++i) {
    const char* digits = text.data() + 2 + 2 * i;
    auto [end, error] = std::from_chars(digits, digits + 2, key.bytes[i], 16);
    if (error != std::errc{} || end != digits + 2) return std::nullopt;
  }
  return key;
}

/// A bucket is one number: when it will be full, were nothing more taken. It has `now + burst -
/// full_at` over the interval tokens in it; one that is full has a time in the past.
struct rate_limiter::bucket {
  limit_key key;
  bool used = false;
  std::uint32_t taken = 0; ///< since the last report
  std::int64_t full_at = 0;
};

struct alignas(64) rate_limiter::stripe {
  mutable std::mutex mutex;
  std::unique_ptr<bucket[]> buckets;
};

class rate_limiter::probe {
public:
  explicit probe(metric_registry& metrics)
    : refused_{&refused(metrics, limit_kind::principal), &refused(metrics, limit_kind::address)},
      evicted_(prometheus::BuildCounter()
                 .Name("troupe_rate_buckets_evicted_total")
                 .Help("Rate-limit buckets forgotten although tokens were missing from them")
                 .Register(metrics)
                 .Add({})) {}

  void refuse(limit_kind kind) { refused_[static_cast<std::size_t>(kind)]->Increment(); }
  void evict() { evicted_.Increment(); }

private:
  static prometheus::Counter& refused(metric_registry& metrics, limit_kind kind) {
    return prometheus::BuildCounter()
      .Name("troupe_rate_limited_total")
      .Help("Requests refused by a rate limit")
      .Register(metrics)
      .Add({{"limit", std::string{name_of(kind)}}});
  }

  std::array<prometheus::Counter*, 2> refused_;
  prometheus::Counter& evicted_;
};

rate_limiter::rate_limiter(const limits_settings& settings, metric_registry& metrics,
                           std::size_t capacity)
  : probe_(std::make_unique<probe>(metrics)) {
  auto fill = [](limit_kind kind, std::uint32_t rate, std::uint32_t burst) -> kind_policy {
    if (rate == 0 || burst == 0) return {};
    const auto interval = std::max<std::int64_t>(second_ns / rate, 1);
    const auto full = interval * burst;
    return {.interval_ns = interval,
            .burst_ns = full,
            .field = '"' + std::string{name_of(kind)} + "\";q=" + std::to_string(burst) +
                     ";w=" + std::to_string(seconds_up(full))};
  };
  policies_[0] = fill(limit_kind::principal, settings.principal_rate, settings.principal_burst);
  policies_[1] = fill(limit_kind::address, settings.address_rate, settings.address_burst);
  randombytes_buf(hash_key_.data(), hash_key_.size());
  const auto sets = std::bit_ceil(std::max<std::size_t>(capacity / ways, 1));
  stripe_count_ = std::min(sets, stripe_limit);
  sets_per_stripe_ = sets / stripe_count_;
  stripes_ = std::make_unique<stripe[]>(stripe_count_);
  for (std::size_t i = 0; i < stripe_count_; ++i)
    stripes_[i].buckets = std::make_unique<bucket[]>(sets_per_stripe_ * ways);
}

rate_limiter::~rate_limiter() = default;

std::uint64_t rate_limiter::hash_of(const limit_key& key) const noexcept {
  std::array<std::uint8_t, 17> input;
  input[0] = static_cast<std::uint8_t>(key.kind);
  std::ranges::copy(key.bytes, input.begin() + 1);
  std::array<std::uint8_t, crypto_shorthash_BYTES> hash;
  static_assert(crypto_shorthash_KEYBYTES == sizeof hash_key_);
  crypto_shorthash(hash.data(), input.data(), input.size(), hash_key_.data());
  return std::bit_cast<std::uint64_t>(hash);
}

rate_limiter::stripe& rate_limiter::stripe_of(std::uint64_t hash) const noexcept {
  return stripes_[hash % stripe_count_];
}

rate_limiter::bucket* rate_limiter::find(stripe& where, std::uint64_t hash,
                                         const limit_key& key) const noexcept {
  auto* set = &where.buckets[hash / stripe_count_ % sets_per_stripe_ * ways];
  for (auto* it = set; it != set + ways; ++it)
    if (it->used && it->key == key) return it;
  return nullptr;
}

rate_limiter::bucket& rate_limiter::find_or_make(stripe& where, std::uint64_t hash,
                                                 const limit_key& key, std::int64_t now) noexcept {
  if (auto* found = find(where, hash, key)) return *found;
  auto* set = &where.buckets[hash / stripe_count_ % sets_per_stripe_ * ways];
  auto* victim = set;
  for (auto* it = set; it != set + ways && victim->used; ++it)
    if (!it->used || it->full_at < victim->full_at) victim = it;
  if (victim->used && victim->full_at > now) probe_->evict();
  *victim = {.key = key, .used = true};
  return *victim;
}

limit_decision rate_limiter::take(const limit_key& key, clock::time_point time) noexcept {
  const auto& it = policy(key.kind);
  limit_decision decision{.kind = key.kind};
  if (it.interval_ns == 0) return decision;
  const auto now = to_ns(time);
  const auto hash = hash_of(key);
  auto& where = stripe_of(hash);
  std::int64_t missing = 0; // until the bucket is full
  std::int64_t wait = 0;
  {
    const std::scoped_lock lock{where.mutex};
    auto& entry = find_or_make(where, hash, key, now);
    missing = std::max<std::int64_t>(entry.full_at - now, 0);
    wait = missing + it.interval_ns - it.burst_ns;
    if (wait <= 0) {
      missing += it.interval_ns;
      entry.full_at = now + missing;
      ++entry.taken;
    }
  }
  decision.remaining = static_cast<std::uint32_t>(std::max<std::int64_t>(it.burst_ns - missing, 0) /
                                                  it.interval_ns);
  decision.reset_s = seconds_up(missing);
  if (wait > 0) {
    decision.allowed = false;
    decision.retry_after_s = std::max(seconds_up(wait), 1u);
    probe_->refuse(key.kind);
  }
  return decision;
}

std::string rate_limiter::limit_field(const limit_decision& decision) {
  return '"' + std::string{name_of(decision.kind)} + "\";r=" + std::to_string(decision.remaining) +
         ";t=" + std::to_string(decision.reset_s);
}

report_usage rate_limiter::collect_usage(std::size_t at_most) {
  std::vector<std::pair<std::uint32_t, limit_key>> found;
  for (std::size_t i = 0; i < stripe_count_; ++i) {
    const std::scoped_lock lock{stripes_[i].mutex};
    for (std::size_t at = 0; at < sets_per_stripe_ * ways; ++at) {
      auto& entry = stripes_[i].buckets[at];
      const auto taken = std::exchange(entry.taken, 0u);
      if (taken > 0 && taken * policy(entry.key.kind).interval_ns >= second_ns / 10)
        found.emplace_back(taken, entry.key);
    }
  }
  const auto count = std::min(found.size(), at_most);
  std::ranges::partial_sort(found, found.begin() + static_cast<std::ptrdiff_t>(count),
                            std::ranges::greater{}, [](const auto& item) { return item.first; });
  report_usage report;
  for (std::size_t i = 0; i < count; ++i)
    report.buckets.push_back({to_string(found[i].second), found[i].first});
  return report;
}

void rate_limiter::apply(const usage_elsewhere& usage, clock::time_point time) {
  const auto now = to_ns(time);
  for (const auto& [name, taken] : usage.buckets) {
    const auto key = parse_limit_key(name);
    if (!key || !limits(key->kind)) continue;
    const auto& it = policy(key->kind);
    const auto hash = hash_of(*key);
    auto& where = stripe_of(hash);
    const std::scoped_lock lock{where.mutex};
    auto* entry = find(where, hash, *key);
    if (entry == nullptr) continue;
    // Empty at most: requests that other nodes should not have let through are not paid for here.
    entry->full_at = std::min(std::max(entry->full_at, now) +
                                static_cast<std::int64_t>(taken) * it.interval_ns,
                              now + it.burst_ns);
  }
}

std::size_t rate_limiter::size() const {
  std::size_t count = 0;
  for (std::size_t i = 0; i < stripe_count_; ++i) {
    const std::scoped_lock lock{stripes_[i].mutex};
    for (std::size_t at = 0; at < sets_per_stripe_ * ways; ++at)
      count += stripes_[i].buckets[at].used ? 1 : 0;
  }
  return count;
}

} // namespace troupe::gateway
