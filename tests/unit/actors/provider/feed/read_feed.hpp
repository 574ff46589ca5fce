#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "actors/provider/feed/feed_reader.hpp"

namespace troupe::test {

/// Everything that comes of one document.
struct read_feed {
  std::vector<feed_event> events;
  std::vector<feed_reject> rejects;
  result<void> outcome;
  std::string_view format; ///< "" when none was found

  bool operator==(const read_feed&) const = default;
};

/// Reads `document` in pieces of `piece` bytes.
inline read_feed read(std::string_view document, std::size_t piece = std::string_view::npos,
                      const feed_format* format = nullptr) {
  read_feed it;
  feed_reader reader{
    {.event = [&](feed_event&& event) { it.events.push_back(std::move(event)); },
     .reject = [&](feed_reject&& reject) { it.rejects.push_back(std::move(reject)); }},
    format};
  while (it.outcome && !document.empty()) {
    it.outcome = reader.feed(document.substr(0, piece));
    document.remove_prefix(std::min(piece, document.size()));
  }
  if (it.outcome) it.outcome = reader.finish();
  if (reader.format() != nullptr) it.format = reader.format()->name();
  return it;
}

/// An eventList of one base with these events.
inline std::string list_of(std::string_view events) {
  std::string text =
    "<eventList><output><base_event base_event_id=\"1\" sell_mode=\"online\" title=\"A\">";
  text += events;
  return text + "</base_event></output></eventList>";
}

inline local_time at(std::string_view text) { return parse_local_time(text).value(); }
inline feed_price price(std::string_view text) { return parse_price(text).value(); }

} // namespace troupe::test
