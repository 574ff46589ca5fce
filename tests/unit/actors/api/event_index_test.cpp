#include "actors/api/event_index.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <doctest/doctest.h>
#include <limits>
#include <map>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "actors/api/directory.hpp"

using namespace troupe;
using std::chrono::local_seconds;
using std::chrono::seconds;
using std::chrono::sys_seconds;

namespace {

constexpr auto unlimited = std::numeric_limits<std::size_t>::max();
constexpr sys_seconds midnight{std::chrono::sys_days{std::chrono::year{2021} / 6 / 30}};

uuid id_of(std::uint64_t n) { return make_uuid_v7(1'000 + n, n * 7, n * 13); }

searchable_event event_at(std::uint64_t n, seconds from_midnight, seconds length) {
  searchable_event event;
  event.id = id_of(n);
  event.provider_id = id_of(1'000'000);
  event.provider = "City Halls";
  event.title = "Event " + std::to_string(n);
  event.starts_at_utc = midnight + from_midnight;
  event.ends_at_utc = event.starts_at_utc + length;
  event.starts_at = local_seconds{event.starts_at_utc.time_since_epoch()} + std::chrono::hours{2};
  event.ends_at = event.starts_at + length;
  return event;
}

std::shared_ptr<const event_index> index_of(std::vector<searchable_event> events) {
  return event_index::with(event_index{}, std::move(events), {}, 1);
}

std::string found(const event_index& index, const event_query& query = {}) {
  std::string out;
  CHECK_FALSE(index.search(query, std::nullopt, unlimited, out).has_value());
  return out;
}

std::string json_of(const searchable_event& event) { return found(*index_of({event})); }

/// Everything in a map, and a look at each for every query.
struct model {
  std::map<uuid, searchable_event> events;

  static bool matches(const event_query& query, const searchable_event& event) {
    return !(query.starts_at && event.starts_at_utc < *query.starts_at) &&
           !(query.ends_at && event.ends_at_utc > *query.ends_at) &&
           !(query.provider_id && event.provider_id != *query.provider_id) &&
           !(query.provider && fold_name(event.provider) != fold_name(*query.provider)) &&
           !(query.title && !fold_name(event.title).starts_with(fold_name(*query.title))) &&
           !(query.available && event.available != *query.available);
  }

  std::vector<std::string> search(const event_query& query) const {
    std::vector<const searchable_event*> matching;
    for (const auto& [id, event] : events)
      if (matches(query, event)) matching.push_back(&event);
    std::ranges::stable_sort(matching, {}, &searchable_event::starts_at_utc); // ids ascend already
    std::vector<std::string> out;
    for (const auto* event : matching) out.push_back(json_of(*event));
    return out;
  }
};

std::string joined(const std::vector<std::string>& parts) {
  std::string out;
  for (const auto& part : parts) out.append(out.empty() ? "" : ",").append(part);
  return out;
}

/// Few different values, so that events tie, repeat and match.
class maker {
public:
  explicit maker(std::uint64_t seed) : random_(seed) {}

  std::int64_t below(std::int64_t bound) {
    return std::uniform_int_distribution<std::int64_t>{0, bound - 1}(random_);
  }
  bool one_in(std::int64_t n) { return below(n) == 0; }

  searchable_event event() {
    static const std::array<std::string, 5> titles{"Opera", "OPERETTE", "opening", "\"Ópera\"",
                                                   "Top"};
    static const std::array<std::string, 3> providers{"City Halls", "CITY HALLS", "Arena"};
    auto made = event_at(static_cast<std::uint64_t>(below(120)), seconds{below(40)},
                         seconds{one_in(20) ? below(1'000'000) : below(12)});
    made.title = titles[static_cast<std::size_t>(below(5))];
    const auto provider = below(3);
    made.provider = providers[static_cast<std::size_t>(provider)];
    made.provider_id = id_of(2'000'000 + static_cast<std::uint64_t>(provider));
    made.available = one_in(2);
    if (!one_in(3)) made.min_price = below(1'000'000);
    if (made.min_price) made.max_price = *made.min_price + below(50'000);
    return made;
  }

  event_query query() {
    static const std::array<std::string, 5> titles{"op", "OPER", "\"ó", "x", ""};
    static const std::array<std::string, 3> providers{"city halls", "ARENA", "nobody"};
    event_query made;
    if (one_in(2)) made.starts_at = midnight + seconds{below(44) - 2};
    if (one_in(2)) made.ends_at = midnight + seconds{below(54) - 2};
    if (one_in(4)) made.title = titles[static_cast<std::size_t>(below(5))];
    if (one_in(4)) made.provider = providers[static_cast<std::size_t>(below(3))];
    if (one_in(4)) made.provider_id = id_of(2'000'000 + static_cast<std::uint64_t>(below(4)));
    if (one_in(4)) made.available = one_in(2);
    return made;
  }

private:
  std::mt19937_64 random_;
};

/// `TROUPE_EVENT_INDEX_SEED` repeats one.
std::vector<std::uint64_t> seeds() {
  if (const char* chosen = std::getenv("TROUPE_EVENT_INDEX_SEED"))
    return {std::strtoull(chosen, nullptr, 10)};
  std::vector<std::uint64_t> all(100);
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = i + 1;
  return all;
}

} // namespace

TEST_CASE("an event's object has local times, and prices with the shortest decimals") {
  auto event = event_at(1, std::chrono::hours{23}, std::chrono::minutes{90});
  event.title = "A \"title\"\n";
  const std::string head = R"({"id":")" + to_string(event.id) +
                           R"(","title":"A \"title\"\n","start_date":"2021-07-01",)"
                           R"("start_time":"01:00:00","end_date":"2021-07-01",)"
                           R"("end_time":"02:30:00",)";
  CHECK(json_of(event) == head + R"("min_price":null,"max_price":null})");
  event.min_price = 0;
  event.max_price = 200'000;
  CHECK(json_of(event) == head + R"("min_price":0,"max_price":20})");
  event.min_price = 75'000;
  event.max_price = 100'001;
  CHECK(json_of(event) == head + R"("min_price":7.5,"max_price":10.0001})");
  event.min_price = 1;
  event.max_price = 99'990'100;
  CHECK(json_of(event) == head + R"("min_price":0.0001,"max_price":9999.01})");
}

TEST_CASE("an event is found when it lies within the range, both ends included") {
  const auto event = event_at(1, seconds{100}, seconds{50});
  const auto index = index_of({event});
  const auto finds = [&](std::optional<int> from, std::optional<int> until) {
    event_query query;
    if (from) query.starts_at = midnight + seconds{*from};
    if (until) query.ends_at = midnight + seconds{*until};
    return !found(*index, query).empty();
  };
  CHECK(finds(100, 150));
  CHECK(finds(99, 151));
  CHECK(finds(100, std::nullopt));
  CHECK(finds(std::nullopt, 150));
  CHECK_FALSE(finds(101, 150));
  CHECK_FALSE(finds(100, 149));
  CHECK_FALSE(finds(101, std::nullopt));
  CHECK_FALSE(finds(std::nullopt, 149));
  CHECK_FALSE(finds(150, 100)); // a range that ends before it starts holds nothing
}

TEST_CASE("an index made step by step answers every query as a plain model does") {
  for (const auto seed : seeds()) {
    CAPTURE(seed);
    maker make{seed};
    model plain;
    auto index = std::make_shared<const event_index>();
    for (std::uint64_t step = 1; step <= 8; ++step) {
      std::map<uuid, searchable_event> changed;
      for (auto i = make.below(30); i > 0; --i) {
        auto event = make.event();
        changed.insert_or_assign(event.id, std::move(event));
      }
      std::vector<uuid> gone;
      for (auto i = make.below(8); i > 0; --i)
        if (auto id = id_of(static_cast<std::uint64_t>(make.below(140))); !changed.contains(id))
          gone.push_back(id);
      std::vector<searchable_event> news;
      for (const auto& [id, event] : changed) {
        plain.events.insert_or_assign(id, event);
        news.push_back(event);
      }
      for (const auto& id : gone) plain.events.erase(id);
      const auto before = index;
      const auto shown_before = found(*before);
      index = event_index::with(*before, std::move(news), gone, step);

      REQUIRE(index->version() == step);
      REQUIRE(index->size() == plain.events.size());
      REQUIRE(found(*index) == joined(plain.search({})));
      REQUIRE(found(*before) == shown_before);
      for (int i = 0; i < 10; ++i) {
        const auto query = make.query();
        REQUIRE(found(*index, query) == joined(plain.search(query)));
      }
      for (std::uint64_t n = 0; n < 120; ++n) {
        const auto* event = index->find(id_of(n));
        const auto known = plain.events.find(id_of(n));
        REQUIRE((event != nullptr) == (known != plain.events.end()));
        if (event) REQUIRE(event->title == known->second.title);
      }
    }
  }
}

TEST_CASE("an index made by changes is the one made at once") {
  for (const auto seed : seeds()) {
    CAPTURE(seed);
    maker make{seed};
    std::map<uuid, searchable_event> all;
    auto index = std::make_shared<const event_index>();
    for (int step = 0; step < 20; ++step) {
      const auto event = make.event();
      all.insert_or_assign(event.id, event);
      index = event_index::with(*index, {event}, {}, 1);
    }
    std::vector<searchable_event> events;
    for (const auto& [id, event] : all) events.push_back(event);
    REQUIRE(found(*index) == found(*index_of(events)));
  }
}

TEST_CASE("pages of any size give everything once, and none follows the last") {
  for (const auto seed : seeds()) {
    CAPTURE(seed);
    maker make{seed};
    model plain;
    std::vector<searchable_event> events;
    for (int i = 0; i < 150; ++i) {
      auto event = make.event();
      plain.events.insert_or_assign(event.id, std::move(event));
    }
    for (const auto& [id, event] : plain.events) events.push_back(event);
    const auto index = index_of(events);
    const auto query = make.query();
    const auto wanted = plain.search(query);
    const auto limit = static_cast<std::size_t>(make.below(12) + 1);
    std::optional<event_position> after;
    std::size_t read = 0;
    do {
      const auto count = std::min(limit, wanted.size() - read);
      const auto begin = wanted.begin() + static_cast<std::ptrdiff_t>(read);
      std::string page;
      after = index->search(query, after, limit, page);
      REQUIRE(page == joined({begin, begin + static_cast<std::ptrdiff_t>(count)}));
      read += count;
      REQUIRE(after.has_value() == (read < wanted.size()));
    } while (after);
  }
}

TEST_CASE("a page goes on after its place when the event there is gone") {
  const auto first = event_at(1, seconds{1}, seconds{1});
  const auto second = event_at(2, seconds{1}, seconds{1}); // the same start: ids decide
  const auto third = event_at(3, seconds{2}, seconds{1});
  const auto index = index_of({third, second, first});
  std::string page;
  const auto after = index->search({}, std::nullopt, 2, page);
  REQUIRE(after.has_value());
  CHECK(page == json_of(first) + "," + json_of(second));
  const auto next = event_index::with(*index, {}, std::array{second.id}, 2);
  page.clear();
  CHECK_FALSE(next->search({}, after, 2, page).has_value());
  CHECK(page == json_of(third));
}

TEST_CASE("a place before the range does not widen it") {
  const auto early = event_at(1, seconds{1}, seconds{1});
  const auto late = event_at(2, seconds{5}, seconds{1});
  const auto index = index_of({early, late});
  event_query query;
  query.starts_at = midnight + seconds{3};
  std::string page;
  const event_position before{midnight.time_since_epoch().count(), id_of(0)};
  CHECK_FALSE(index->search(query, before, unlimited, page).has_value());
  CHECK(page == json_of(late));
}

TEST_CASE("an index that is being read stays as it was while others are published") {
  event_view view;
  CHECK_FALSE(view.loaded());
  CHECK(view.current()->size() == 0);
  view.publish(index_of({}));
  CHECK(view.loaded());
  constexpr std::uint64_t last = 500;
  std::atomic<bool> wrong{false};
  std::thread reader{[&] {
    std::uint64_t version = 0;
    while (version < last) {
      const auto index = view.current();
      // with each version one event more
      wrong = wrong || index->version() < version || index->size() + 1 != index->version();
      version = index->version();
    }
  }};
  for (std::uint64_t n = 2; n <= last; ++n)
    view.publish(event_index::with(*view.current(), {event_at(n, seconds{0}, seconds{1})}, {}, n));
  reader.join();
  CHECK_FALSE(wrong);
}
