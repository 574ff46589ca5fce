#include "actors/provider/fetch/retry_after.hpp"

#include <doctest/doctest.h>

using namespace troupe::provider;
using namespace std::chrono_literals;

namespace {
constexpr std::chrono::sys_seconds now = std::chrono::sys_days{2026y / 11 / 21} + 10h;
} // namespace

TEST_CASE("Retry-After is a number of seconds or a date, at most a day away") {
  CHECK(parse_retry_after("0", now) == 0s);
  CHECK(parse_retry_after("120", now) == 120s);
  CHECK(parse_retry_after("86401", now) == 24h);
  CHECK(parse_retry_after("99999999999999999999", now) == 24h);
  CHECK(parse_retry_after("Sat, 21 Nov 2026 10:05:00 GMT", now) == 5min);
  CHECK(parse_retry_after("Sat, 21 Nov 2026 09:00:00 GMT", now) == 0s);
  CHECK(parse_retry_after("Mon, 21 Dec 2026 10:00:00 GMT", now) == 24h);
}

TEST_CASE("a Retry-After that is neither says nothing") {
  for (std::string_view value :
       {"", "soon", "-5", "5 minutes", "1.5", "Sat, 31 Feb 2026 10:00:00 GMT"})
    CHECK_MESSAGE(!parse_retry_after(value, now), value);
}
