#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace troupe {

/// What one hash costs.
struct argon2_cost {
  std::uint64_t operations = 2;
  std::size_t memory_bytes = 64 * 1024 * 1024;
};

/// The encoded Argon2id hash of a password, made by libsodium; blocks for tens of milliseconds.
/// Errors: `overloaded` without enough memory.
result<std::string> argon2_hash(std::string_view password, const argon2_cost& cost);

/// Whether the password has this encoded hash; false for text that is no hash. Takes as long as the
/// hash says.
bool argon2_matches(std::string_view password, std::string_view encoded) noexcept;

} // namespace troupe
