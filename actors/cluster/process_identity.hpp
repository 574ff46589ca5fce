#pragma once

#include <string>
#include <string_view>

namespace troupe {

/// Which process this is, so that another one of the same machine can tell whether it still runs: the
/// system's boot, the name space of process ids, the id and when it began. Empty when the system does not
/// tell. Source: proc(5), namespaces(7).
std::string own_process();

/// True only when `process`, as `own_process` gave it elsewhere, is of this machine's boot and name space
/// and for certain runs no more. False when that cannot be told from here.
bool process_has_ended(std::string_view process);

} // namespace troupe
