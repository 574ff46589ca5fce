#include "app/simulator/chaos.hpp"

#include <array>
#include <ranges>

#include "app/simulator/dice.hpp"

namespace troupe::simulator {

namespace {

struct kind {
  std::string_view name;
  bool chaos::* is_on;
};

constexpr auto kinds = std::to_array<kind>({
  {"slow", &chaos::slow},
  {"down", &chaos::down},
  {"truncate", &chaos::truncate},
  {"garbage", &chaos::garbage},
  {"flap", &chaos::flap},
});

/// What a number of the dice is for.
enum purpose : std::uint64_t { for_slow, for_down, for_no_answer, for_truncate, for_garbage };

constexpr std::uint64_t requests_per_outage = 4;

} // namespace

std::vector<std::string> chaos::names() const {
  std::vector<std::string> out;
  for (const auto& each : kinds)
    if (this->*each.is_on) out.emplace_back(each.name);
  return out;
}

result<chaos> parse_chaos(std::string_view names) {
  chaos out;
  if (names.empty()) return out;
  for (auto part : std::views::split(names, ',')) {
    const std::string_view name{part};
    const auto found = std::ranges::find(kinds, name, &kind::name);
    if (found == kinds.end())
      return fail(errc::invalid_field, "no kind of chaos is called \"" + std::string{name} +
                                         "\"; there are slow, down, truncate, garbage and flap");
    out.*found->is_on = true;
  }
  return out;
}

fate fate_of(const chaos& what, std::uint32_t share, std::uint64_t seed, std::uint64_t request) {
  auto strikes = [&](bool is_on, purpose why, std::uint64_t number) {
    return is_on && dice(seed, why, number) % 100 < share;
  };
  fate out;
  const auto outage = request / requests_per_outage;
  if (strikes(what.down, for_down, outage))
    out.how = dice(seed, for_no_answer, outage) % 2 == 0 ? fate::answer::no_answer
                                                         : fate::answer::unavailable;
  else if (what.flap && request % 2 == 1)
    out.how = fate::answer::error;
  out.slow = strikes(what.slow, for_slow, request);
  out.truncate = strikes(what.truncate, for_truncate, request);
  out.garbage = strikes(what.garbage, for_garbage, request);
  return out;
}

} // namespace troupe::simulator
