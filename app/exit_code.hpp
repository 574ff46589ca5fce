#pragma once

#include "base/error.hpp"

namespace troupe {

/// How the process ends: the numbers of sysexits(3), so that scripts can tell one failure from another.
enum class exit_code : int {
  ok = 0,
  no = 1,             ///< the question was answered with no: unhealthy, migrations pending
  usage = 64,         ///< the command line is wrong
  data = 65,          ///< the databases hold something that does not fit
  no_input = 66,      ///< an input file is missing or does not fit
  unavailable = 69,   ///< a server that is needed cannot be reached
  software = 70,      ///< a fault of the program
  cannot_create = 73, ///< an output file cannot be written
  temporary = 75,     ///< try again later
  config = 78,        ///< the configuration is wrong
};

/// The exit code for a failed operation.
constexpr exit_code to_exit_code(errc code) noexcept {
  switch (code) {
    case errc::none: return exit_code::ok;
    case errc::invalid_field:
    case errc::limit_reached: return exit_code::usage;
    case errc::precondition_failed: return exit_code::data;
    case errc::storage_unavailable: return exit_code::unavailable;
    case errc::shard_unavailable:
    case errc::overloaded:
    case errc::timed_out:
    case errc::draining: return exit_code::temporary;
    default: return exit_code::software;
  }
}

} // namespace troupe
