#pragma once

#include <boost/system/error_code.hpp>

#include <expected>
#include <string>

#include "actors/provider/fetch/fetch.hpp"

// For this folder's sources and the HTTP client of commands.

namespace troupe::provider {

struct fetch_problem {
  fetch_failure what = fetch_failure::bad_response;
  std::string detail;
};

template <class T>
using fetch_result = std::expected<T, fetch_problem>;

inline std::unexpected<fetch_problem> stop(fetch_failure what, std::string detail) {
  return std::unexpected(fetch_problem{what, std::move(detail)});
}

/// What an error of a connection means once there is one.
fetch_failure failure_of(boost::system::error_code error) noexcept;

} // namespace troupe::provider
