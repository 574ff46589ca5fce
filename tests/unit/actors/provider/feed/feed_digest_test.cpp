#include <functional>
#include <set>

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "actors/provider/feed/feed.hpp"
#include "tests/unit/actors/provider/feed/read_feed.hpp"

using namespace troupe;
using test::at;
using test::price;

namespace {

feed_event example() {
  return {
    .base_id = "291",
    .id = "1642",
    .title = "Camela en concierto",
    .organizer_id = "2",
    .online = true,
    .sold_out = false,
    .starts_at = at("2021-06-30T21:00:00"),
    .ends_at = at("2021-06-30T22:00:00"),
    .sell_from = at("2020-07-01T00:00:00"),
    .sell_to = std::nullopt,
    .zones = {
      {.id = "40", .name = "Platea", .capacity = 243, .price = price("20"), .numbered = true},
      {.id = "38", .name = "Grada 2", .capacity = 100, .price = price("15"), .numbered = false}}};
}

std::string hex(const feed_digest& digest) { return fmt::format("{:02x}", fmt::join(digest, "")); }

} // namespace

TEST_CASE("the digest of an event never changes, because it is stored") {
  CHECK(hex(digest_of(feed_event{})) == "9298cfeb668fd123c1d9cf6ced3fb832");
  CHECK(hex(digest_of(example())) == "3d2d0859d9cc06d4113c1a57fab41476");
}

TEST_CASE("every field of an event and of a zone is in the digest") {
  std::vector<std::function<void(feed_event&)>> changes{
    [](auto&) {},
    [](auto& it) { it.base_id = "2911"; },
    [](auto& it) { it.base_id = "29", it.id = "11642"; }, // the same characters, cut elsewhere
    [](auto& it) { it.id = "642"; },
    [](auto& it) { it.title = ""; },
    [](auto& it) { it.organizer_id = ""; },
    [](auto& it) { it.organizer_id.reset(); },
    [](auto& it) { it.online = false; },
    [](auto& it) { it.sold_out = true; },
    [](auto& it) { it.starts_at = at("2021-06-30T20:00:00"); },
    [](auto& it) { it.ends_at = at("2021-06-30T23:00:00"); },
    [](auto& it) { it.sell_from.reset(); },
    [](auto& it) { it.sell_to = it.sell_from; },
    [](auto& it) { std::swap(it.sell_from, it.sell_to); },
    [](auto& it) { it.zones.pop_back(); },
    [](auto& it) { it.zones.clear(); },
    [](auto& it) { std::swap(it.zones[0], it.zones[1]); },
    [](auto& it) { it.zones[1].id = "40"; },
    [](auto& it) { it.zones[1].name = "Platea"; },
    [](auto& it) { it.zones[1].capacity = 0; },
    [](auto& it) { it.zones[1].price = price("15.0001"); },
    [](auto& it) { it.zones[1].numbered = true; },
  };
  std::set<feed_digest> seen;
  for (const auto& change : changes) {
    auto event = example();
    change(event);
    CHECK(seen.insert(digest_of(event)).second);
  }
}
