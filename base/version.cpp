#include "base/version.hpp"

#include <troupe_commit.hpp> // made at build time

namespace troupe {

std::string_view version() noexcept { return TROUPE_VERSION; }

std::string_view build_commit() noexcept { return TROUPE_COMMIT; }

std::string_view build_compiler() noexcept {
#if defined(__clang__)
  return "Clang " __clang_version__;
#else
  return "GCC " __VERSION__;
#endif
}

std::string_view build_libraries() noexcept { return TROUPE_LIBRARIES; }

} // namespace troupe
