#pragma once

#include <string_view>

namespace troupe {

/// `0.1.0`.
std::string_view version() noexcept;

/// The commit this was built from, with `-dirty` when files were changed; `unknown` outside of git.
std::string_view build_commit() noexcept;

/// `GCC 14.2.0`.
std::string_view build_compiler() noexcept;

/// The libraries it was built against: `CAF 0.18.7, Boost 1.83.0, …`.
std::string_view build_libraries() noexcept;

} // namespace troupe
