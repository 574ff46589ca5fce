#pragma once

#include <caf/error.hpp>
#include <caf/is_error_code_enum.hpp>
#include <string>

#include "actors/api/type_ids.hpp"
#include "base/error.hpp"

// How a `failure` travels through CAF: as an error of category `errc` whose context holds the
// detail, the retry time and the wrong fields.

namespace troupe {

caf::error to_caf_error(const failure& why);

/// Also turns CAF's own errors into ours: a time-out is `timed_out`, a receiver that is gone
/// `shard_unavailable`, anything else `internal`.
failure from_caf_error(const caf::error& error);

} // namespace troupe

CAF_ERROR_CODE_ENUM(troupe::errc)
