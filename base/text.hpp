#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace troupe {

/// Appends `text` to `out` as a JSON string with its quotes. Bytes that are no UTF-8 become U+FFFD, so
/// that the result is always valid JSON.
void append_json_string(std::string& out, std::string_view text);

/// `text` as a JSON string with its quotes.
std::string in_quotes(std::string_view text);

/// How many insertions, deletions, changes and swaps of neighbours lie between two words.
std::size_t edit_distance(std::string_view a, std::string_view b);

} // namespace troupe
