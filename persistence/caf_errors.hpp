#pragma once

#include <caf/error.hpp>
#include <caf/is_error_code_enum.hpp>
#include <cstdint>

#include "base/error.hpp"
#include "persistence/type_ids.hpp"

// How a `failure` becomes a CAF error: its category is `errc`, its context (detail, retry_after_s).
// The way back is actors/api/errors.hpp.

CAF_ERROR_CODE_ENUM(troupe::errc)

namespace troupe {

/// False for a number that is no error of ours.
bool from_integer(std::uint8_t number, errc& code);

template <class Inspector>
bool inspect(Inspector& f, errc& code) {
  auto number = [&code] { return static_cast<std::uint8_t>(code); };
  auto assign = [&code](std::uint8_t value) { return from_integer(value, code); };
  return f.apply(number, assign);
}

/// Field errors stay behind: only the gateway, which checks request bodies, makes them.
caf::error to_caf_error(const failure& why);

} // namespace troupe
