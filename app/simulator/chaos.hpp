#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace troupe::simulator {

/// What a bad provider does; any of them together.
struct chaos {
  bool slow = false;     ///< the body drips
  bool down = false;     ///< for some requests in a row: 503, or no answer at all
  bool truncate = false; ///< half a body with the length of the whole
  bool garbage = false;  ///< bytes that are no XML
  bool flap = false;     ///< every second answer is 500

  std::vector<std::string> names() const;
};

/// Names with commas between them; none when it is empty. Error: `invalid_field`.
result<chaos> parse_chaos(std::string_view names);

/// What happens to one request.
struct fate {
  enum class answer : std::uint8_t { feed, no_answer, unavailable, error };

  answer how = answer::feed;
  bool slow = false;
  bool truncate = false;
  bool garbage = false;
};

/// The fate of the request of that number, always the same for the same arguments. Each kind of chaos comes over
/// `share` of 100 requests, except `flap`.
fate fate_of(const chaos& what, std::uint32_t share, std::uint64_t seed, std::uint64_t request);

} // namespace troupe::simulator
