#include "base/stable_hash.hpp"

#include <xxhash.h>

namespace troupe {

std::uint64_t stable_hash(std::string_view bytes) noexcept {
  return XXH64(bytes.data(), bytes.size(), 0);
}

std::uint64_t stable_hash(const uuid& id) noexcept {
  return XXH64(id.bytes.data(), id.bytes.size(), 0);
}

} // namespace troupe
