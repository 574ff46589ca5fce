#include <map>
#include <random>
#include <set>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "actors/provider/feed/event_rules.hpp"
#include "tests/unit/actors/provider/feed/read_feed.hpp"

// Random sequences of answers through reader and rules give what a plain model of the rules gives. The
// model works on what was written into the answers, not on what was read from them.

using namespace troupe;

namespace {

using event_key = std::pair<int, int>; // base and event

struct written_zone {
  int id, capacity, cents;
  bool operator==(const written_zone&) const = default;
};

struct written_event {
  int title = 0;
  int start_hour = 0;
  int hours = 0;
  bool online = false;
  bool sold_out = false;
  bool has_window = false;
  std::vector<written_zone> zones;
  bool operator==(const written_event&) const = default;
};

struct line_of_answer {
  event_key key;
  written_event event;
  enum { good, bad_date, bad_price } kind = good;
};

struct model_event {
  written_event latest;
  bool ever_online = false;
  bool in_feed = true;
  int first_seen = 0;
  int changed = 0;
  int version = 1;
};

using model = std::map<event_key, model_event>;

// ---- a provider that changes its mind ----

class provider {
public:
  explicit provider(unsigned seed) : random_{seed} {}

  bool chance(int percent) { return number(100) < percent; }

  int number(int below) { return static_cast<int>(random_() % static_cast<unsigned>(below)); }

  /// The next answer, after some changes to what there is.
  std::vector<line_of_answer> next() {
    for (int base = 0; base < 3; ++base) {
      if (chance(20)) online_[base] = !online_[base];
      if (chance(20)) titles_[base] = number(3);
      for (int id = 0; id < 4; ++id) change({base, id});
    }
    std::vector<line_of_answer> answer;
    for (const auto& [key, event] : events_) {
      if (!chance(80)) continue;
      answer.push_back({key, complete(key, event)});
      if (chance(10))
        answer.back().kind = chance(50) ? line_of_answer::bad_date : line_of_answer::bad_price;
      if (chance(10)) {
        answer.push_back({key, complete(key, any_event())}); // once more, and different
      }
    }
    return answer;
  }

private:
  void change(event_key key) {
    if (chance(15)) events_.erase(key);
    if (chance(30)) events_[key] = any_event();
  }

  written_event any_event() {
    written_event it{.start_hour = number(24),
                     .hours = number(3),
                     .sold_out = chance(30),
                     .has_window = chance(50)};
    for (int zones = number(4); zones > 0; --zones)
      it.zones.push_back({number(3), number(3), number(4) * 25});
    return it;
  }

  written_event complete(event_key key, written_event event) {
    event.online = online_[key.first];
    event.title = titles_[key.first];
    return event;
  }

  std::mt19937 random_;
  bool online_[3]{};
  int titles_[3]{};
  std::map<event_key, written_event> events_;
};

// ---- writing an answer ----

std::string price_text(int cents, provider& random) {
  if (cents % 100 == 0 && random.chance(50)) return fmt::format("{}", cents / 100);
  return fmt::format("{}.{:02}{}", cents / 100, cents % 100, random.chance(20) ? "00" : "");
}

std::string time_text(int hour) {
  return fmt::format("2021-06-{:02}T{:02}:00:00", 10 + hour / 24, hour % 24);
}

/// An answer in either format. Each line has a base element of its own, as they may repeat.
std::string write(const std::vector<line_of_answer>& lines, bool plans, provider& random) {
  std::string thing = plans ? "plan" : "event";
  auto text = fmt::format("<{}List><output>", thing);
  for (const auto& [key, event, kind] : lines) {
    text += fmt::format(
      "\n<base_{0} base_{0}_id=\"{1}\" sell_mode=\"{2}\" title=\"title &amp; {3}\">", thing,
      key.first, event.online ? "online" : "offline", event.title);
    text += fmt::format(
      "<{0} {0}_id=\"{1}\" {0}_start_date=\"{2}\" {0}_end_date=\"{3}\" sold_out=\"{4}\"", thing,
      key.second,
      kind == line_of_answer::bad_date ? "2021-09-31T20:00:00" : time_text(event.start_hour),
      time_text(event.start_hour + event.hours), event.sold_out);
    if (event.has_window)
      text += R"( sell_from="2021-01-01T00:00:00" sell_to="2021-06-01T00:00:00")";
    text += ">";
    for (const auto& zone : event.zones)
      text += fmt::format(
        R"(<zone zone_id="{}" capacity="{}" price="{}" name="z" numbered="false"/>)", zone.id,
        zone.capacity, price_text(zone.cents, random));
    if (kind == line_of_answer::bad_price)
      text += R"(<zone zone_id="1" capacity="1" price="free" name="z" numbered="false"/>)";
    text += fmt::format("</{0}></base_{0}>", thing);
  }
  return text + fmt::format("</output></{}List>", thing);
}

// ---- the model ----

void apply(model& all, const std::vector<line_of_answer>& lines, bool whole, int now) {
  std::set<event_key> taken;
  std::set<event_key> mentioned;
  for (const auto& [key, event, kind] : lines) {
    mentioned.insert(key);
    if (kind != line_of_answer::good || !taken.insert(key).second) continue;
    auto [it, is_new] = all.try_emplace(key, model_event{.first_seen = now, .changed = now});
    auto& known = it->second;
    if (!is_new && (known.latest != event || !known.in_feed)) {
      ++known.version;
      known.changed = now;
    }
    known.latest = event;
    known.in_feed = true;
    known.ever_online = known.ever_online || event.online;
  }
  if (!whole) return;
  for (auto& [key, known] : all) {
    if (mentioned.contains(key) || !known.in_feed) continue;
    known.in_feed = false;
    ++known.version;
    known.changed = now;
  }
}

std::string describe(const model& all) {
  std::string text;
  for (const auto& [key, known] : all) {
    const auto& event = known.latest;
    int least = -1, most = -1, least_free = -1, most_free = -1;
    for (const auto& zone : event.zones) {
      auto widen = [&](int& low, int& high) {
        low = low < 0 ? zone.cents : std::min(low, zone.cents);
        high = std::max(high, zone.cents);
      };
      widen(least, most);
      if (zone.capacity > 0) widen(least_free, most_free);
    }
    text += fmt::format(
      "{}/{} shown={} title & {} {} {} window={} sold_out={} online={} {}..{} {}..{} zones={} "
      "in_feed={} first={} changed={} version={}\n",
      key.first, key.second, known.ever_online, event.title, time_text(event.start_hour),
      time_text(event.start_hour + event.hours), event.has_window, event.sold_out, event.online,
      least, most, least_free, most_free, event.zones.size(), known.in_feed, known.first_seen,
      known.changed, known.version);
  }
  return text;
}

// ---- what is tested ----

using state = std::map<event_key, event_summary>;

event_key key_of(const std::string& base, const std::string& id) {
  return {std::stoi(base), std::stoi(id)};
}

void take(state& all, const test::read_feed& answer, timestamp now) {
  std::set<event_key> mentioned;
  for (const auto& event : answer.events) {
    auto key = key_of(event.base_id, event.id);
    mentioned.insert(key);
    auto known = all.find(key);
    auto [after, changed] = merge(known == all.end() ? nullptr : &known->second, event, now);
    CHECK(changed.empty() == (known != all.end() && known->second == after));
    all[key] = after;
  }
  for (const auto& reject : answer.rejects) mentioned.insert(key_of(reject.base_id, reject.id));
  if (!answer.outcome) return;
  for (auto& [key, known] : all)
    if (!mentioned.contains(key)) known = leave_feed(known, now).state;
}

std::string describe(const state& all) {
  auto cents = [](const std::optional<price_range>& range) {
    return range ? fmt::format("{}..{}", range->min.units / 100, range->max.units / 100) : "-1..-1";
  };
  std::string text;
  for (const auto& [key, it] : all)
    text += fmt::format(
      "{}/{} shown={} {} {} {} window={} sold_out={} online={} {} {} zones={} in_feed={} first={} "
      "changed={} version={}\n",
      key.first, key.second, is_searchable(it), it.title, to_string(it.starts_at),
      to_string(it.ends_at), it.sell_from && it.sell_to, it.sold_out, it.online, cents(it.prices),
      cents(it.available_prices), it.zone_count, it.in_feed, it.first_seen_at.unix_ms,
      it.changed_at.unix_ms, it.version);
  return text;
}

} // namespace

TEST_CASE("whatever a provider answers in turn, reader and rules give what a plain model gives") {
  for (unsigned seed = 1; seed <= 500; ++seed) {
    CAPTURE(seed);
    provider random{seed};
    model expected;
    state seen;
    for (int now = 1; now <= 15; ++now) {
      CAPTURE(now);
      auto lines = random.next();
      auto text = write(lines, random.chance(50), random);
      auto whole = random.chance(85);
      if (!whole) { // cut before one of its events, or before its end
        lines.resize(static_cast<std::size_t>(random.number(static_cast<int>(lines.size()) + 1)));
        std::size_t end = 0;
        for (auto left = lines.size() + 1; left > 0 && end != std::string::npos; --left)
          end = text.find("\n<base_", end + 1);
        text.resize(end == std::string::npos ? text.size() - 3 : end);
      }
      auto answer = test::read(text, 1 + static_cast<std::size_t>(random.number(300)));
      REQUIRE(answer.outcome.has_value() == whole);
      take(seen, answer, timestamp{now});
      apply(expected, lines, whole, now);
      REQUIRE(describe(seen) == describe(expected));
    }
  }
}
