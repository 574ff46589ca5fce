#pragma once

#include <chrono>
#include <expected>
#include <string>

#include "app/http/http_client.hpp"
#include "config/settings.hpp"

namespace troupe {

/// One request to the operations port of a node on this machine, or wherever `operations.address` says.
/// Blocks for `limit` at most. Its answer, or what went wrong, for people.
std::expected<http_answer, std::string> ask_operations(const settings& values,
                                                       http_client::verb method, std::string path,
                                                       std::chrono::milliseconds limit);

} // namespace troupe
