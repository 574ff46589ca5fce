#include "base/error.hpp"

namespace troupe {

std::string_view to_string(errc code) noexcept {
  switch (code) {
    case errc::none: return "none";
    case errc::malformed_request: return "malformed_request";
    case errc::malformed_body: return "malformed_body";
    case errc::invalid_field: return "invalid_field";
    case errc::invalid_cursor: return "invalid_cursor";
    case errc::body_too_large: return "body_too_large";
    case errc::header_too_large: return "header_too_large";
    case errc::uri_too_long: return "uri_too_long";
    case errc::unsupported_media_type: return "unsupported_media_type";
    case errc::not_acceptable: return "not_acceptable";
    case errc::method_not_allowed: return "method_not_allowed";
    case errc::request_timeout: return "request_timeout";
    case errc::missing_token: return "missing_token";
    case errc::invalid_token: return "invalid_token";
    case errc::invalid_credentials: return "invalid_credentials";
    case errc::forbidden: return "forbidden";
    case errc::not_your_game: return "not_your_game";
    case errc::locked_out: return "locked_out";
    case errc::rate_limited: return "rate_limited";
    case errc::not_found: return "not_found";
    case errc::no_such_player: return "no_such_player";
    case errc::no_such_game: return "no_such_game";
    case errc::no_such_studio: return "no_such_studio";
    case errc::name_taken: return "name_taken";
    case errc::game_name_taken: return "game_name_taken";
    case errc::studio_name_taken: return "studio_name_taken";
    case errc::username_taken: return "username_taken";
    case errc::precondition_failed: return "precondition_failed";
    case errc::precondition_required: return "precondition_required";
    case errc::key_reused: return "key_reused";
    case errc::operation_in_flight: return "operation_in_flight";
    case errc::limit_reached: return "limit_reached";
    case errc::unsupported_grant_type: return "unsupported_grant_type";
    case errc::no_such_provider: return "no_such_provider";
    case errc::no_such_event: return "no_such_event";
    case errc::overloaded: return "overloaded";
    case errc::shard_unavailable: return "shard_unavailable";
    case errc::storage_unavailable: return "storage_unavailable";
    case errc::timed_out: return "timed_out";
    case errc::draining: return "draining";
    case errc::not_owner: return "not_owner";
    case errc::internal: return "internal";
  }
  return "unknown";
}

} // namespace troupe
