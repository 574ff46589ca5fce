#include "actors/provider/fetch/retry_after.hpp"

#include <algorithm>
#include <charconv>
#include <locale>
#include <sstream>

namespace troupe::provider {

namespace {

using std::chrono::seconds;

constexpr seconds longest{86'400};

seconds bounded(seconds wanted) { return std::clamp(wanted, seconds{0}, longest); }

} // namespace

std::optional<seconds> parse_retry_after(std::string_view value, std::chrono::sys_seconds now) {
  std::uint32_t delay = 0;
  const auto end = value.data() + value.size();
  const auto read = std::from_chars(value.data(), end, delay);
  if (read.ptr == end && read.ec == std::errc{}) return bounded(seconds{delay});
  if (read.ptr == end && read.ec == std::errc::result_out_of_range) return longest;
  std::istringstream text{std::string{value}};
  text.imbue(std::locale::classic()); // the names of days and months are English
  std::chrono::sys_seconds at;
  text >> std::chrono::parse("%a, %d %b %Y %H:%M:%S GMT", at);
  if (text.fail()) return std::nullopt;
  return bounded(at - now);
}

} // namespace troupe::provider
