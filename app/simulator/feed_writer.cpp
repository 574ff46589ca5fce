#include "app/simulator/feed_writer.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <format>
#include <iterator>
#include <string_view>

#include "app/simulator/dice.hpp"

namespace troupe::simulator {

namespace {

using namespace std::chrono_literals;

/// What a number of the dice is for: numbers of different purposes do not depend on each other.
enum purpose : std::uint64_t {
  for_presence,
  for_mode,
  for_title,
  for_start,
  for_sale,
  for_id,
  for_zone,
};

constexpr std::uint64_t first_id = 1'000;
constexpr std::uint64_t events_per_base = 2;
constexpr std::uint64_t slowest_change = 100; ///< generations: so 1 % of the events changes at once
constexpr auto earliest_start = std::chrono::local_days{2026y / 12 / 1};

constexpr auto artists = std::to_array<std::string_view>(
  {"Camela", "Los Morancos", "Pantomima Full", "Tributo a Juanito Valderrama", "La Oreja",
   "Zo\xC3\xAB", "Rock &amp; Roll", "Orquesta"});
constexpr auto kinds = std::to_array<std::string_view>(
  {"en concierto", "de gira", "ac\xC3\xBAstico", "sinf\xC3\xB3nico", "unplugged"});
constexpr auto areas = std::to_array<std::string_view>({"Platea", "Grada", "Anfiteatro", "Palco"});

struct element_names {
  std::string_view root, base, event;
};

element_names names_of(feed_format format) {
  if (format == feed_format::plan_list) return {"planList", "base_plan", "plan"};
  return {"eventList", "base_event", "event"};
}

void append_number(std::string& out, std::uint64_t number) {
  std::array<char, 20> digits{};
  auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  out.append(digits.data(), end);
}

template <class List>
auto pick(const List& list, std::uint64_t number) {
  return list[number % list.size()];
}

std::string time_text(std::chrono::local_time<std::chrono::minutes> time) {
  return std::format("{:%Y-%m-%dT%H:%M}:00", time);
}

} // namespace

feed_writer::feed_writer(feed_shape shape, std::uint64_t generation)
  : shape_(shape),
    generation_(generation),
    new_(std::max<std::uint64_t>(1, shape.events / 1'000)),
    first_(generation * new_),
    interval_(std::clamp<std::uint64_t>(shape.events / 4, 2, slowest_change)),
    event_(first_) {}

std::uint64_t feed_writer::changes_of(std::uint64_t event,
                                      std::uint64_t generation) const noexcept {
  return (generation + event % interval_) / interval_;
}

bool feed_writer::is_absent(std::uint64_t event) const noexcept {
  const auto changes = changes_of(event, generation_);
  const auto came = event < shape_.events ? 0 : (event - shape_.events) / new_ + 1;
  return changes > changes_of(event, came) &&
         dice(shape_.seed, for_presence, event, changes) % 8 == 0;
}

bool feed_writer::write(std::string& out, std::size_t size) {
  if (place_ == place::over) return false;
  const auto names = names_of(shape_.format);
  const auto enough = out.size() + size;
  while (place_ != place::over && out.size() < enough) {
    switch (place_) {
      case place::start:
        out += std::format("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<{} version=\"1.0\">\n"
                           "<output>\n",
                           names.root);
        place_ = place::event;
        break;
      case place::event:
        while (event_ < first_ + shape_.events && is_absent(event_)) ++event_;
        place_ = event_ < first_ + shape_.events ? place::zone : place::end;
        if (place_ == place::zone) write_event(out);
        break;
      case place::zone:
        if (zone_ < shape_.zones)
          write_zone(out);
        else
          end_event(out);
        break;
      case place::end:
        out += std::format("</output>\n</{}>\n", names.root);
        place_ = place::over;
        break;
      case place::over: break;
    }
  }
  return true;
}

void feed_writer::write_base(std::string& out, std::uint64_t event) {
  const auto names = names_of(shape_.format);
  const auto base = event / events_per_base;
  // a base event's events change at about the same time
  const auto changes = changes_of(base * events_per_base, generation_);
  const bool offline = dice(shape_.seed, for_mode, base, changes) % 10 == 0;
  const auto title = dice(shape_.seed, for_title, base, (changes + base) / 2);
  const auto artist = pick(artists, title);
  const auto kind = pick(kinds, title / 16);
  out += std::format("<{0} {0}_id=\"{1}\" sell_mode=\"{2}\"", names.base, first_id + base,
                     offline ? "offline" : "online");
  if (base % 3 != 0) out += std::format(" organizer_company_id=\"{}\"", base % 7);
  out += std::format(" title=\"{} {} {}\">\n", artist, kind, base);
}

void feed_writer::write_event(std::string& out) {
  const auto names = names_of(shape_.format);
  const auto base = event_ / events_per_base;
  if (!in_base_) write_base(out, event_);
  in_base_ = true;
  const auto changes = changes_of(event_, generation_);
  const auto start = earliest_start +
                     15min *
                       (dice(shape_.seed, for_start, event_, (changes + event_) / 3) % 70'000);
  const auto length = 30min * (1 + dice(shape_.seed, for_start, event_) % 6);
  const auto sale = dice(shape_.seed, for_sale, event_, changes);
  // now and then the id of an event of the base event before
  const bool repeats = base > 0 && dice(shape_.seed, for_id, event_) % 50 == 0;
  out += std::format("<{0} {0}_start_date=\"{1}\" {0}_end_date=\"{2}\" {0}_id=\"{3}\" "
                     "sell_from=\"{4}\" sell_to=\"{5}\" sold_out=\"{6}\">\n",
                     names.event, time_text(start), time_text(start + length),
                     first_id + event_ - (repeats ? events_per_base : 0),
                     time_text(start - 24h * (30 + sale % 100)), time_text(start - 1h),
                     sale % 20 == 0);
  zone_ = 0;
}

void feed_writer::write_zone(std::string& out) {
  const auto random = dice(shape_.seed, for_zone, event_, zone_);
  const auto changes = changes_of(event_, generation_);
  const bool repeats = zone_ > 0 && random % 50 == 0;
  const auto cents = 500 + random / 64 % 100 * 50 + changes % 20 * 25;
  out += "<zone zone_id=\"";
  append_number(out, zone_ + (repeats ? 0 : 1));
  out += "\" capacity=\"";
  append_number(out, random % 25 == 1 ? 0 : 1 + random / 8'192 % 500);
  out += "\" price=\"";
  append_number(out, cents / 100);
  out += '.';
  out += static_cast<char>('0' + cents / 10 % 10);
  out += static_cast<char>('0' + cents % 10);
  out += "\" name=\"";
  out += pick(areas, random / 1'024);
  out += "\" numbered=\"";
  out += random / 2 % 2 == 0 ? "true" : "false";
  out += "\"/>\n";
  ++zone_;
}

void feed_writer::end_event(std::string& out) {
  const auto names = names_of(shape_.format);
  out += std::format("</{}>\n", names.event);
  const auto base = event_ / events_per_base;
  ++event_;
  while (event_ < first_ + shape_.events && is_absent(event_)) ++event_;
  if (event_ / events_per_base != base || event_ >= first_ + shape_.events) {
    out += std::format("</{}>\n", names.base);
    in_base_ = false;
  }
  place_ = place::event;
}

std::uint64_t size_of_feed(const feed_shape& shape, std::uint64_t generation) {
  feed_writer writer{shape, generation};
  std::uint64_t size = 0;
  for (std::string piece; writer.write(piece, 64 * 1024); piece.clear()) size += piece.size();
  return size;
}

} // namespace troupe::simulator
