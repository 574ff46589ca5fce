#pragma once

#include <chrono>
#include <expected>
#include <string>

#include "config/settings.hpp"

namespace troupe {

/// One request to the operations port of a node on this machine, or wherever `operations.address` says.
/// Blocks for `limit` at most. The answer's status and body, or what went wrong, for people.
struct operations_answer {
  unsigned status = 0;
  std::string body;
};
std::expected<operations_answer, std::string> ask_operations(const settings& values, bool post,
                                                             const std::string& path,
                                                             std::chrono::milliseconds limit);

} // namespace troupe
