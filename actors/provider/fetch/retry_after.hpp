#pragma once

#include <chrono>
#include <optional>
#include <string_view>

namespace troupe::provider {

/// The value of a Retry-After header (RFC 9110, 10.2.3), seconds or a date, as a time from `now`; between 0 and
/// one day. Nothing when it is neither.
std::optional<std::chrono::seconds> parse_retry_after(std::string_view value,
                                                      std::chrono::sys_seconds now);

} // namespace troupe::provider
