#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace troupe {

/// Every way in which a request can fail, free of any protocol. The gateway maps each value once to
/// an HTTP status and a stable problem type (`gateway/problem.cpp`); actors carry it as a CAF error.
/// The numbers travel between nodes: append new values, never renumber.
enum class errc : std::uint8_t {
  none = 0,
  // What the client sent cannot be understood.
  malformed_request = 1,
  malformed_body = 2,
  invalid_field = 3,
  invalid_cursor = 4,
  body_too_large = 5,
  header_too_large = 6,
  uri_too_long = 7,
  unsupported_media_type = 8,
  not_acceptable = 9,
  method_not_allowed = 10,
  request_timeout = 11,
  // Who the client is.
  missing_token = 20,
  invalid_token = 21,
  invalid_credentials = 22,
  forbidden = 23,
  not_your_game = 24,
  locked_out = 25,
  rate_limited = 26,
  // What the client asked for.
  not_found = 40,
  no_such_player = 41,
  no_such_game = 42,
  no_such_studio = 43,
  name_taken = 44,
  game_name_taken = 45,
  studio_name_taken = 46,
  username_taken = 47,
  precondition_failed = 48,
  precondition_required = 49,
  key_reused = 50,
  operation_in_flight = 51,
  limit_reached = 52,
  unsupported_grant_type = 53,
  no_such_provider = 54,
  no_such_event = 55,
  // What the server cannot do now; safe to retry with the same operation id.
  overloaded = 70,
  shard_unavailable = 71,
  storage_unavailable = 72,
  timed_out = 73,
  draining = 74,
  not_owner = 75, ///< between nodes only: another one has the shard, ask there
  // A fault of the server.
  internal = 90,
};

/// The stable snake_case name of `code`, as used in logs and metrics.
std::string_view to_string(errc code) noexcept;

/// One wrong field of a request body.
struct field_error {
  std::string pointer; ///< JSON pointer (RFC 6901) into the body, "" for the whole
  std::string detail;  ///< what is wrong, for the client's developer

  bool operator==(const field_error&) const = default;
};

/// A failed operation. `detail` may be shown to a client: it never holds SQL, paths or peers.
struct failure {
  errc code = errc::internal;
  std::string detail;
  std::vector<field_error> fields;
  std::optional<std::uint32_t> retry_after_s; ///< seconds, for errors that pass by themselves

  bool operator==(const failure&) const = default;
};

template <class T>
using result = std::expected<T, failure>;

/// Shorthand for returning a failure from a function that gives a `result`.
inline std::unexpected<failure> fail(errc code, std::string detail = {}) {
  return std::unexpected<failure>(failure{code, std::move(detail), {}, std::nullopt});
}

} // namespace troupe
