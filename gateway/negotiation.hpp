#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/uuid.hpp"

// What header fields say. Pure functions of their text; whatever the bytes, they only answer.

namespace troupe::gateway {

enum class body_format : std::uint8_t { json, msgpack, form };

/// The form for an answer that `Accept` likes best, JSON when it has no preference; nothing when it
/// likes neither JSON nor msgpack. An empty field accepts everything.
std::optional<body_format> accepted_format(std::string_view accept) noexcept;

/// Whether `Accept-Encoding` allows gzip.
bool accepts_gzip(std::string_view accept_encoding) noexcept;

/// The form that a Content-Type names; parameters other than a charset of UTF-8 are let pass.
std::optional<body_format> format_of(std::string_view content_type) noexcept;

/// Whether one of the entity tags of If-None-Match is `version` (weak comparison), or is `*`.
bool matches_none(std::string_view if_none_match, std::int64_t version) noexcept;

/// What If-Match asks for.
struct match_condition {
  bool any = false;                   ///< `*`
  std::vector<std::int64_t> versions; ///< the strong tags that can be versions of ours
};
match_condition parse_if_match(std::string_view if_match);

/// A W3C trace context that came with a request.
struct trace_context {
  std::string_view trace_id; ///< 32 hex digits
  std::string_view flags;    ///< 2 hex digits
};
std::optional<trace_context> parse_traceparent(std::string_view text) noexcept;

/// Whether a client's X-Request-Id may be echoed and logged: 1 to 64 of letters, digits, `-`, `_`,
/// `.`, `:`.
bool is_request_id(std::string_view text) noexcept;

/// Whether an Idempotency-Key is acceptable: 1 to 255 visible ASCII characters or spaces.
bool is_idempotency_key(std::string_view text) noexcept;

} // namespace troupe::gateway
