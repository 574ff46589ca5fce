#include "app/drill/checker.hpp"

#include <algorithm>
#include <array>
#include <format>
#include <iterator>
#include <optional>
#include <set>
#include <utility>

namespace troupe::drill {

namespace {

/// One operation on one register.
struct step {
  enum class kind : std::uint8_t { set, clear, read };
  kind what = kind::read;
  std::optional<bool> before;             ///< what the register held before, when the answer tells
  std::optional<clock::time_point> ended; ///< none: unknown
  clock::time_point began;
  std::size_t number = 0; ///< of the operation in the history
};

/// What may be so at a moment: the register's value, and which operations that are under way have happened.
struct state {
  bool value = false;
  std::set<std::size_t> happened;

  auto operator<=>(const state&) const = default;
};

/// Whether `one` can happen in `from`; what is so afterwards.
std::optional<state> after(const state& from, std::size_t index, const step& one) {
  if (one.before && *one.before != from.value) return std::nullopt;
  state next = from;
  if (one.what == step::kind::set) next.value = true;
  if (one.what == step::kind::clear) next.value = false;
  next.happened.insert(index);
  return next;
}

/// The number of the first operation that nothing explains.
std::optional<std::size_t> first_unexplained(std::vector<step> steps) {
  struct event {
    clock::time_point at;
    bool is_end;
    std::size_t index;
    // At the same instant requests come before answers: more orders are possible then.
    auto key() const { return std::tuple{at, is_end, index}; }
  };
  std::vector<event> events;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    events.push_back({steps[i].began, false, i});
    if (steps[i].ended) events.push_back({*steps[i].ended, true, i});
  }
  std::ranges::sort(events, {}, &event::key);

  std::set<state> possible{state{}};
  std::set<std::size_t> under_way;
  for (const auto& now : events) {
    if (!now.is_end) {
      under_way.insert(now.index);
      continue;
    }
    // Whatever may have happened until this answer came.
    std::vector<state> look{possible.begin(), possible.end()};
    while (!look.empty()) {
      const auto from = std::move(look.back());
      look.pop_back();
      if (from.happened.contains(now.index)) continue;
      for (auto index : under_way) {
        if (from.happened.contains(index)) continue;
        if (auto next = after(from, index, steps[index]); next && possible.insert(*next).second)
          look.push_back(std::move(*next));
      }
    }
    std::set<state> explained;
    for (auto one : possible)
      if (one.happened.erase(now.index)) explained.insert(std::move(one));
    if (explained.empty()) return steps[now.index].number;
    under_way.erase(now.index);
    possible = std::move(explained);
  }
  return std::nullopt;
}

bool writes(const operation& one) { return !one.key.empty(); }

/// Times an operation's effect may be found.
std::pair<std::uint64_t, std::uint64_t> expected(ending end) {
  switch (end) {
    case ending::ok: return {1, 1};
    case ending::failed: return {0, 0};
    case ending::unknown: return {0, 1};
  }
  return {0, 0};
}

/// `game`: the one that is wrong; a read is of all of them.
std::string describe(const operation& one, std::size_t game) {
  return std::format("{} ({}) of player {}, game {}, key {}", to_string(one.what), one.status,
                     one.player, game, one.key.empty() ? "-" : one.key);
}

struct tenure {
  std::int64_t epoch = 0;
  std::string incarnation;
  timestamp began;
  std::optional<timestamp> active;
  std::optional<timestamp> ended;
};

/// What is wrong between two tenures that were both active.
violations compare(const std::string& shard, const tenure& earlier, const tenure& later) {
  if (*later.active < *earlier.active)
    return {
      std::format("{} was served at epoch {} after epoch {}", shard, earlier.epoch, later.epoch)};
  if (!earlier.ended || *later.active < *earlier.ended)
    return {std::format("{} was served at epochs {} and {} at the same time", shard, earlier.epoch,
                        later.epoch)};
  return {};
}

} // namespace

std::string_view to_string(action what) noexcept {
  switch (what) {
    case action::sign_up: return "sign-up";
    case action::put_game: return "put";
    case action::remove_game: return "remove";
    case action::read_library: return "read library";
    case action::read_profile: return "read profile";
  }
  return "unknown";
}

violations check_libraries(std::span<const operation> operations, std::size_t players,
                           std::size_t games) {
  std::vector<std::vector<step>> registers(players * games);
  auto add = [&](std::size_t number, std::size_t game, step one) {
    const auto& from = operations[number];
    one.began = from.began;
    if (from.end == ending::ok) one.ended = from.ended;
    one.number = number;
    registers.at(from.player * games + game).push_back(one);
  };
  for (std::size_t i = 0; i < operations.size(); ++i) {
    const auto& one = operations[i];
    if (one.end == ending::failed) continue;
    const bool known = one.end == ending::ok;
    if (one.what == action::put_game)
      add(i, one.game,
          {.what = step::kind::set, .before = known ? std::optional{!one.created} : std::nullopt});
    else if (one.what == action::remove_game)
      add(i, one.game, {.what = step::kind::clear});
    else if (one.what == action::read_library && known)
      for (std::size_t game = 0; game < games; ++game)
        add(i, game, {.what = step::kind::read, .before = one.library.at(game)});
  }
  violations found;
  for (std::size_t i = 0; i < registers.size(); ++i)
    if (auto wrong = first_unexplained(std::move(registers[i])))
      found.push_back("no order of operations explains the answer to " +
                      describe(operations[*wrong], i % games));
  return found;
}

violations check_ledger(std::span<const operation> operations,
                        const std::map<std::string, std::uint64_t>& found) {
  violations wrong;
  for (const auto& one : operations) {
    if (!writes(one) || one.what == action::sign_up) continue;
    const auto entry = found.find(one.key);
    const auto times = entry == found.end() ? 0 : entry->second;
    const auto [least, most] = expected(one.end);
    if (times < least || times > most)
      wrong.push_back(std::format("{} is in the ledger {} times", describe(one, one.game), times));
  }
  return wrong;
}

violations check_sign_ups(std::span<const operation> operations,
                          const std::map<std::string, std::uint64_t>& found) {
  violations wrong;
  for (const auto& one : operations) {
    if (one.what != action::sign_up) continue;
    const auto entry = found.find(one.name);
    const auto times = entry == found.end() ? 0 : entry->second;
    const auto [least, most] = expected(one.end);
    if (times < least || times > most)
      wrong.push_back(
        std::format("sign-up of {} ({}) made {} accounts", one.name, one.status, times));
  }
  return wrong;
}

violations check_transitions(std::span<const transition> transitions,
                             std::span<const standstill> stopped) {
  std::map<std::string, std::vector<tenure>> by_shard;
  for (const auto& one : transitions) {
    auto& tenures = by_shard[one.shard];
    auto same = std::ranges::find_if(tenures, [&](const tenure& t) {
      return t.epoch == one.epoch && t.incarnation == one.incarnation;
    });
    if (same == tenures.end()) {
      if (one.to != "loading") continue; // before its tenure, or of one that began before the drill
      tenures.push_back({one.epoch, one.incarnation, one.at, {}, {}});
      continue;
    }
    // A shard that drains still answers what it admitted.
    if (one.to == "active")
      same->active = one.at;
    else if (one.to != "draining" && !same->ended)
      same->ended = one.at;
  }

  violations found;
  for (auto& [shard, tenures] : by_shard) {
    for (auto& one : tenures)
      for (const auto& stop : stopped)
        if (stop.incarnation == one.incarnation && one.began <= stop.at &&
            (!one.ended || stop.at < *one.ended))
          one.ended = stop.at;
    std::ranges::sort(tenures, {}, &tenure::epoch);
    for (std::size_t i = 1; i < tenures.size(); ++i) {
      const auto& later = tenures[i];
      if (tenures[i - 1].epoch == later.epoch)
        found.push_back(std::format("two tenures of {} have the epoch {}", shard, later.epoch));
      // Against all earlier ones: tenures in between may never have become active.
      if (!later.active) continue;
      for (std::size_t j = 0; j < i; ++j)
        if (tenures[j].active)
          std::ranges::move(compare(shard, tenures[j], later), std::back_inserter(found));
    }
  }
  return found;
}

violations check_counts(std::span<const operation> operations, std::size_t least) {
  constexpr std::array all{action::sign_up, action::put_game, action::remove_game,
                           action::read_library, action::read_profile};
  violations found;
  for (auto what : all) {
    const auto done = static_cast<std::size_t>(std::ranges::count_if(
      operations, [&](const operation& one) { return one.what == what && one.end == ending::ok; }));
    if (done < least)
      found.push_back(std::format("only {} of at least {} operations of the kind {} succeeded",
                                  done, least, to_string(what)));
  }
  return found;
}

} // namespace troupe::drill
