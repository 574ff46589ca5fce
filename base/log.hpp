#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <variant>

#include "base/timestamp.hpp"

// Structured logs: every line is one event of one component, with fields. spdlog carries them to
// standard error as JSON lines, or as text on a terminal. Safe from any thread; lines below the level
// cost one comparison. A line is written by a thread of its own from a bounded queue: whoever logs
// never waits, and when the reader of the log is too slow the oldest waiting lines are dropped and
// counted. Never give a secret, a token or a password as a field.
//
//   log::info("shard", "transition", {{"shard", "player/17"}, {"epoch", 4}});

namespace troupe::log {

enum class level : std::uint8_t { trace, debug, info, warn, error };

struct field {
  using value_type = std::variant<std::string_view, std::int64_t, std::uint64_t, double, bool>;

  field(std::string_view k, std::string_view v) : key(k), value(v) {}
  field(std::string_view k, const char* v) : key(k), value(std::string_view{v}) {}
  field(std::string_view k, const std::string& v) : key(k), value(std::string_view{v}) {}
  field(std::string_view k, bool v) : key(k), value(v) {}
  template <std::signed_integral T>
  field(std::string_view k, T v) : key(k), value(static_cast<std::int64_t>(v)) {}
  template <std::unsigned_integral T>
    requires(!std::same_as<T, bool>)
  field(std::string_view k, T v) : key(k), value(static_cast<std::uint64_t>(v)) {}
  field(std::string_view k, double v) : key(k), value(v) {}

  std::string_view key;
  value_type value;
};

enum class format : std::uint8_t {
  automatic, ///< text when standard error is a terminal, JSON lines otherwise
  json,
  text,
};

/// Call once at start, before other threads log; until then lines of level info and above go out as
/// text, at once. `descriptor` is the file lines go to. What is queued at exit is still written.
void configure(level lowest, format form, int descriptor = 2);

void set_level(level lowest);
level current_level() noexcept;
std::string_view to_string(level l) noexcept;

/// False for a name that is no level.
bool parse_level(std::string_view name, level& out) noexcept;

/// Reads `auto`, `json` or `text`.
bool parse_format(std::string_view name, format& out) noexcept;

bool enabled(level l) noexcept;
void write(level l, std::string_view component, std::string_view event,
           std::initializer_list<field> fields = {});

/// Waits until every line written so far is out, at most 2 s.
void flush();

/// Lines lost because the reader of the log was too slow.
std::uint64_t dropped_lines() noexcept;

/// One line with its newline, as it goes out: JSON, or text with columns, in colour if asked. Values
/// longer than 4 KiB are cut.
std::string to_json_line(timestamp at, level l, std::string_view component, std::string_view event,
                         std::initializer_list<field> fields);
std::string to_text_line(timestamp at, level l, std::string_view component, std::string_view event,
                         std::initializer_list<field> fields, bool colour);

inline void debug(std::string_view component, std::string_view event,
                  std::initializer_list<field> fields = {}) {
  if (enabled(level::debug)) write(level::debug, component, event, fields);
}
inline void info(std::string_view component, std::string_view event,
                 std::initializer_list<field> fields = {}) {
  if (enabled(level::info)) write(level::info, component, event, fields);
}
inline void warn(std::string_view component, std::string_view event,
                 std::initializer_list<field> fields = {}) {
  if (enabled(level::warn)) write(level::warn, component, event, fields);
}
inline void error(std::string_view component, std::string_view event,
                  std::initializer_list<field> fields = {}) {
  write(level::error, component, event, fields);
}

} // namespace troupe::log
