#include "gateway/limits/rate_limiter.hpp"

#include <doctest/doctest.h>
#include <random>
#include <thread>
#include <vector>

#include "config/settings.hpp"

using namespace troupe;
using namespace troupe::gateway;
using namespace std::chrono_literals;

namespace {

using time_point = rate_limiter::clock::time_point;

limits_settings limits(std::uint32_t rate, std::uint32_t burst) {
  return {.principal_rate = rate, .principal_burst = burst, .address_rate = 0, .address_burst = 0};
}

constexpr time_point start{1h};

int take_all(rate_limiter& limiter, const limit_key& key, time_point now) {
  int taken = 0;
  while (limiter.take(key, now).allowed) ++taken;
  return taken;
}

double value_of(metric_registry& metrics, const std::string& name) {
  double sum = 0;
  for (const auto& family : metrics.Collect())
    if (family.name == name)
      for (const auto& metric : family.metric) sum += metric.counter.value;
  return sum;
}

} // namespace

TEST_CASE("a bucket gives its burst at once, then its rate") {
  metric_registry metrics;
  rate_limiter limiter{limits(10, 25), metrics};
  const auto key = principal_key(make_uuid_v7());
  CHECK(take_all(limiter, key, start) == 25);
  CHECK(take_all(limiter, key, start + 99ms) == 0);
  CHECK(take_all(limiter, key, start + 100ms) == 1);
  CHECK(take_all(limiter, key, start + 1100ms) == 10);
  CHECK(take_all(limiter, key, start + 1h) == 25); // never more than the burst
}

TEST_CASE("a decision tells what is left, when it is full again and when to come back") {
  metric_registry metrics;
  rate_limiter limiter{limits(2, 4), metrics};
  const auto key = principal_key(make_uuid_v7());
  auto first = limiter.take(key, start);
  CHECK(first.allowed);
  CHECK(first.remaining == 3);
  CHECK(first.reset_s == 1); // half a second, rounded up
  CHECK(first.retry_after_s == 0);
  CHECK(rate_limiter::limit_field(first) == R"("principal";r=3;t=1)");
  take_all(limiter, key, start);
  auto refused = limiter.take(key, start);
  CHECK_FALSE(refused.allowed);
  CHECK(refused.remaining == 0);
  CHECK(refused.reset_s == 2);
  CHECK(refused.retry_after_s == 1);
  CHECK(limiter.take(key, start + 1s * refused.retry_after_s).allowed);
  CHECK(limiter.policy_field(limit_kind::principal) == R"("principal";q=4;w=2)");
  CHECK(value_of(metrics, "troupe_rate_limited_total") == 2);
}

TEST_CASE("a rate of 0 limits nothing") {
  metric_registry metrics;
  rate_limiter limiter{limits(0, 5), metrics};
  CHECK_FALSE(limiter.limits(limit_kind::principal));
  CHECK(limiter.policy_field(limit_kind::principal).empty());
  const auto key = principal_key(make_uuid_v7());
  for (int i = 0; i < 1000; ++i) CHECK(limiter.take(key, start).allowed);
  CHECK(limiter.size() == 0);
}

TEST_CASE("buckets are apart: by account, by kind, by address") {
  metric_registry metrics;
  rate_limiter limiter{
    {.principal_rate = 1, .principal_burst = 2, .address_rate = 1, .address_burst = 3},
    metrics};
  const auto id = make_uuid_v7();
  CHECK(take_all(limiter, principal_key(id), start) == 2);
  CHECK(take_all(limiter, address_key(id.bytes), start) == 3);
  CHECK(take_all(limiter, principal_key(make_uuid_v7()), start) == 2);
  CHECK(take_all(limiter, address_key(std::array<std::uint8_t, 4>{10, 0, 0, 1}), start) == 3);
  CHECK(take_all(limiter, address_key(std::array<std::uint8_t, 4>{10, 0, 0, 2}), start) == 3);
}

TEST_CASE(
  "an IPv6 client has one bucket for all of its /64, and a mapped IPv4 one that of its IPv4") {
  std::array<std::uint8_t, 16> a{0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8};
  auto b = a;
  b[15] = 99;
  auto c = a;
  c[7] = 2;
  CHECK(address_key(a) == address_key(b));
  CHECK_FALSE(address_key(a) == address_key(c));
  std::array<std::uint8_t, 16> mapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 1};
  CHECK(address_key(mapped) == address_key(std::array<std::uint8_t, 4>{10, 0, 0, 1}));
}

TEST_CASE("a bucket's key reads back from its name, and nothing else does") {
  for (const auto& key :
       {principal_key(make_uuid_v7()), address_key(std::array<std::uint8_t, 4>{1, 2, 3, 4})})
    CHECK(parse_limit_key(to_string(key)) == key);
  CHECK_FALSE(parse_limit_key(""));
  CHECK_FALSE(parse_limit_key("p:"));
  CHECK_FALSE(parse_limit_key("x:" + std::string(32, '0')));
  CHECK_FALSE(parse_limit_key("p:" + std::string(31, '0') + "g"));
  CHECK_FALSE(parse_limit_key("p:" + std::string(33, '0')));
}

TEST_CASE("over any stretch of time a bucket gives no more than burst plus rate") {
  std::mt19937 random{7};
  metric_registry metrics;
  rate_limiter limiter{limits(50, 20), metrics};
  const auto key = principal_key(make_uuid_v7());
  std::vector<time_point> granted;
  auto now = start;
  for (int i = 0; i < 20'000; ++i) {
    now += std::chrono::microseconds{random() % 20'000};
    if (limiter.take(key, now).allowed) granted.push_back(now);
  }
  REQUIRE(granted.size() > 1'000);
  for (std::size_t from = 0; from < granted.size(); from += 7)
    for (std::size_t to = from; to < std::min(granted.size(), from + 200); ++to) {
      const std::chrono::duration<double> span = granted[to] - granted[from];
      CHECK(static_cast<double>(to - from + 1) <= 20 + span.count() * 50 + 1e-6);
    }
}

TEST_CASE("a clock that lags behind another thread's gives nothing away and takes nothing") {
  metric_registry metrics;
  rate_limiter limiter{limits(10, 10), metrics};
  const auto key = principal_key(make_uuid_v7());
  CHECK(take_all(limiter, key, start) == 10);
  CHECK_FALSE(limiter.take(key, start - 50ms).allowed);
  CHECK(take_all(limiter, key, start + 1s) == 10);
}

TEST_CASE("the table is bounded, and drops the fullest bucket first") {
  metric_registry metrics;
  rate_limiter limiter{limits(1, 100), metrics, 64};
  const auto heavy = principal_key(make_uuid_v7());
  CHECK(take_all(limiter, heavy, start) == 100);
  for (int i = 0; i < 10'000; ++i) limiter.take(principal_key(make_uuid_v7()), start);
  CHECK(limiter.size() <= 64);
  CHECK_FALSE(limiter.take(heavy, start).allowed); // a flood of names does not wash a debt away
  CHECK(value_of(metrics, "troupe_rate_buckets_evicted_total") > 9'000);
}

TEST_CASE("full buckets make room without loss") {
  metric_registry metrics;
  rate_limiter limiter{limits(1'000, 10), metrics, 64};
  auto now = start;
  for (int i = 0; i < 1'000; ++i) {
    limiter.take(principal_key(make_uuid_v7()), now);
    now += 1s;
  }
  CHECK(value_of(metrics, "troupe_rate_buckets_evicted_total") == 0);
}

TEST_CASE("only heavily used buckets are reported, the heaviest first, and once") {
  metric_registry metrics;
  rate_limiter limiter{limits(100, 1'000), metrics};
  const auto busy = principal_key(make_uuid_v7());
  const auto busier = principal_key(make_uuid_v7());
  const auto idle = principal_key(make_uuid_v7());
  for (int i = 0; i < 10; ++i) limiter.take(busy, start);
  for (int i = 0; i < 50; ++i) limiter.take(busier, start);
  for (int i = 0; i < 9; ++i) limiter.take(idle, start);
  auto report = limiter.collect_usage();
  REQUIRE(report.buckets.size() == 2);
  CHECK(report.buckets[0].bucket == to_string(busier));
  CHECK(report.buckets[0].taken == 50);
  CHECK(report.buckets[1].bucket == to_string(busy));
  CHECK(limiter.collect_usage().buckets.empty());

  for (int i = 0; i < 50; ++i) limiter.take(busier, start);
  for (int i = 0; i < 20; ++i) limiter.take(busy, start);
  CHECK(limiter.collect_usage(1).buckets.size() == 1);
}

TEST_CASE("what other nodes took is missing here too, but never more than the burst") {
  metric_registry metrics;
  rate_limiter limiter{limits(10, 100), metrics};
  const auto key = principal_key(make_uuid_v7());
  CHECK(limiter.take(key, start).allowed);
  limiter.apply({.buckets = {{to_string(key), 30}}}, start);
  CHECK(take_all(limiter, key, start) == 69);
  limiter.apply({.buckets = {{to_string(key), ~0u}}}, start);
  CHECK(take_all(limiter, key, start + 99ms) == 0);
  CHECK(take_all(limiter, key, start + 10s) == 100);

  const auto unknown = principal_key(make_uuid_v7());
  limiter.apply({.buckets = {{to_string(unknown), 50}, {"nonsense", 5}, {"", 1}}}, start);
  CHECK(take_all(limiter, unknown, start) == 100);
}

TEST_CASE("threads share a bucket and get no more than one would") {
  metric_registry metrics;
  rate_limiter limiter{limits(1, 1'000), metrics};
  const auto key = principal_key(make_uuid_v7());
  std::atomic<int> granted{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      for (int n = 0; n < 1'000; ++n)
        if (limiter.take(key, start).allowed) ++granted;
    });
  for (auto& thread : threads) thread.join();
  CHECK(granted == 1'000);
}
