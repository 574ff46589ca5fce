#pragma once

#include <caf/error.hpp>

#include "base/error.hpp"
#include "persistence/caf_errors.hpp"

namespace troupe {

/// The failure that a CAF error stands for. CAF's own errors become ours: a time-out is `timed_out`,
/// a receiver that is gone `shard_unavailable`, anything else `internal`.
failure from_caf_error(const caf::error& error);

} // namespace troupe
