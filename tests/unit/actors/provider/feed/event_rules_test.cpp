#include "actors/provider/feed/event_rules.hpp"

#include <doctest/doctest.h>

#include "tests/unit/actors/provider/feed/read_feed.hpp"

using namespace troupe;
using test::at;
using test::price;

namespace {

using names = std::vector<std::string>;

feed_event example() {
  return {.base_id = "1",
          .id = "2",
          .title = "A",
          .online = true,
          .starts_at = at("2021-06-30T21:00:00"),
          .ends_at = at("2021-06-30T22:00:00"),
          .zones = {{"1", "", 0, price("10"), false},
                    {"1", "", 5, price("20"), false},
                    {"2", "", 7, price("15.5"), false}}};
}

constexpr timestamp first{1'000};
constexpr timestamp second{2'000};

} // namespace

TEST_CASE("a new event is known as the answer has it") {
  auto [state, changed] = merge(nullptr, example(), first);
  CHECK(changed == names{"new"});
  CHECK(state.version == 1);
  CHECK(state.first_seen_at == first);
  CHECK(state.changed_at == first);
  CHECK(state.in_feed);
  CHECK(is_searchable(state));
  CHECK(state.zone_count == 3);
  CHECK(state.prices == price_range{price("10"), price("20")});
  CHECK(state.available_prices == price_range{price("15.5"), price("20")});
  CHECK(state.content == digest_of(example()));
}

TEST_CASE("an event without zones has no prices") {
  auto event = example();
  event.zones.clear();
  auto state = merge(nullptr, event, first).state;
  CHECK(!state.prices);
  CHECK(!state.available_prices);
}

TEST_CASE("an answer that says the same changes nothing") {
  auto known = merge(nullptr, example(), first).state;
  auto [state, changed] = merge(&known, example(), second);
  CHECK(changed.empty());
  CHECK(state == known);
}

TEST_CASE("what changed is named, and what did not is kept") {
  auto known = merge(nullptr, example(), first).state;
  auto check = [&](auto change, const names& expected) {
    auto event = example();
    change(event);
    auto [state, changed] = merge(&known, event, second);
    CHECK(changed == expected);
    CHECK(state.version == 2);
    CHECK(state.first_seen_at == first);
    CHECK(state.changed_at == second);
    CHECK(state.content == digest_of(event));
  };
  check([](auto& it) { it.title = "B"; }, {"title"});
  check([](auto& it) { it.organizer_id = "3"; }, {"organizer"});
  check([](auto& it) { it.starts_at -= std::chrono::hours{1}; }, {"starts_at"});
  check([](auto& it) { it.ends_at += std::chrono::hours{1}; }, {"ends_at"});
  check([](auto& it) { it.sell_from = it.starts_at; }, {"sell_from"});
  check([](auto& it) { it.sell_to = it.starts_at; }, {"sell_to"});
  check([](auto& it) { it.sold_out = true; }, {"sold_out"});
  check([](auto& it) { it.online = false; }, {"online"});
  check([](auto& it) { it.zones[0].name = "X"; }, {"zones"});
  check([](auto& it) { it.zones[1].capacity = 0; }, {"prices", "zones"});
  check([](auto& it) { it.zones[2].price = price("15.6"); }, {"prices", "zones"});
  check([](auto& it) { it.title = "B", it.online = false; }, {"title", "online"});
}

TEST_CASE("an event that was online stays searchable with its latest values, offline and gone") {
  auto event = example();
  auto state = merge(nullptr, event, first).state;
  event.online = false;
  event.title = "B";
  state = merge(&state, event, second).state;
  CHECK(is_searchable(state));
  CHECK(state.title == "B");

  auto gone = leave_feed(state, second);
  CHECK(gone.changed == names{"in_feed"});
  CHECK(gone.state.version == 3);
  CHECK(is_searchable(gone.state));
  CHECK(gone.state.title == "B");
  CHECK(leave_feed(gone.state, second).changed.empty());

  auto back = merge(&gone.state, event, second);
  CHECK(back.changed == names{"in_feed"});
  CHECK(back.state.in_feed);
}

TEST_CASE("an event that was never online is kept and not shown, until it is online") {
  auto event = example();
  event.online = false;
  auto state = merge(nullptr, event, first).state;
  CHECK(!is_searchable(state));
  state = leave_feed(state, first).state;
  CHECK(!is_searchable(state));
  event.online = true;
  auto [shown, changed] = merge(&state, event, second);
  CHECK(changed == names{"online", "in_feed"});
  CHECK(is_searchable(shown));
}
