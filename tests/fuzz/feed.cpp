// A provider's answer, whatever its bytes: no crash, every event within its bounds, the same in whichever
// pieces it arrives, and nothing that the rules cannot take. The first byte chooses the format: none (by
// the root element) or one of those there are.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "actors/provider/feed/event_rules.hpp"
#include "actors/provider/feed/feed_reader.hpp"

using namespace troupe;

namespace {

struct found {
  std::vector<feed_event> events;
  std::vector<feed_reject> rejects;
  result<void> outcome;

  bool operator==(const found&) const = default;
};

found read(std::string_view text, std::size_t piece, const feed_format* format) {
  found it;
  feed_reader reader{
    {.event = [&](feed_event&& event) { it.events.push_back(std::move(event)); },
     .reject = [&](feed_reject&& reject) { it.rejects.push_back(std::move(reject)); }},
    format};
  for (; !text.empty() && it.outcome; text.remove_prefix(std::min(piece, text.size())))
    it.outcome = reader.feed(text.substr(0, piece));
  if (it.outcome) it.outcome = reader.finish();
  return it;
}

void check(bool holds) {
  if (!holds) std::abort();
}

void check_event(const feed_event& event) {
  check(!event.base_id.empty() && event.base_id.size() <= feed_bounds::id_bytes);
  check(!event.id.empty() && event.id.size() <= feed_bounds::id_bytes);
  check(!event.title.empty() && event.title.size() <= feed_bounds::text_bytes);
  check(event.starts_at <= event.ends_at);
  check(parse_local_time(to_string(event.starts_at)) == event.starts_at);
  check(event.zones.size() <= feed_bounds::zones);
  for (const auto& zone : event.zones) check(parse_price(to_string(zone.price)) == zone.price);

  auto known = merge(nullptr, event, timestamp{1}).state;
  check(merge(&known, event, timestamp{2}).changed.empty());
  check(is_searchable(leave_feed(known, timestamp{2}).state) == event.online);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto choice = data[0] % (feed_formats().size() + 1);
  const auto* format = choice == 0 ? nullptr : feed_formats()[choice - 1];
  const std::string_view text{reinterpret_cast<const char*>(data) + 1, size - 1};
  const auto whole = read(text, text.size(), format);
  check(read(text, 13, format) == whole);
  std::set<std::pair<std::string_view, std::string_view>> ids;
  for (const auto& event : whole.events) {
    check_event(event);
    check(ids.emplace(event.base_id, event.id).second);
  }
  for (const auto& reject : whole.rejects)
    check(!reject.reason.empty() && reject.reason.size() <= 512);
  return 0;
}
