#pragma once

#include <string>

#include "base/family.hpp"

namespace troupe {

/// For options that name a shard: empty, or what is wrong.
inline std::string is_shard(const std::string& text) {
  return parse_shard_ref(text) ? "" : text + " is not of the form player/17";
}

} // namespace troupe
