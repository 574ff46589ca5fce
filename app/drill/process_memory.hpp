#pragma once

#include <cstdint>

namespace troupe::drill {

/// What a process of this machine has in memory (VmRSS), KiB; 0 when there is none of that id.
std::uint64_t resident_kib(int pid);

} // namespace troupe::drill
