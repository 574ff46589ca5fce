#pragma once

#include <ctime>
#include <string>
#include <string_view>

#include "gateway/http/message.hpp"

namespace troupe::gateway::http {

/// `200 OK`.
std::string_view status_text(std::uint16_t status) noexcept;

/// The value of `Date` for a moment: `Sun, 06 Nov 1994 08:49:37 GMT`.
std::string date_text(std::time_t moment);

/// Appends an answer as it goes over the wire. A large static body is left out: the session sends
/// it from where it is, and `true` says so.
bool append_answer(std::string& out, const request& in, const response& answer,
                   std::string_view date, bool close);

} // namespace troupe::gateway::http
