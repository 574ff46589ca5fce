#pragma once

#include <cstdint>
#include <string_view>

#include "base/uuid.hpp"

namespace troupe {

/// The hash that maps a key to its shard: XXH64 with seed 0 over the key's bytes (a UUID's 16 bytes
/// in network order, a name's UTF-8 bytes). It is part of the data's layout: it never changes, and
/// its test vectors (`tests/unit/stable_hash_test.cpp`) pin it.
/// Source: https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md
std::uint64_t stable_hash(std::string_view bytes) noexcept;
std::uint64_t stable_hash(const uuid& id) noexcept;

/// The shard of a key among `count` shards of its family, 0 to `count - 1`. `count` is at least 1.
template <class Key>
std::int32_t shard_of(const Key& key, std::uint32_t count) noexcept {
  return static_cast<std::int32_t>(stable_hash(key) % count);
}

} // namespace troupe
