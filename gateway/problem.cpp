#include "gateway/problem.hpp"

#include <array>

#include "base/json.hpp"

namespace troupe::gateway {

namespace {

constexpr std::array table{
  problem{errc::malformed_request, 400, "malformed-request", "Malformed request",
          "What was sent is no HTTP request that this server understands."},
  problem{
    errc::malformed_body, 400, "malformed-body", "Malformed body",
    "The body is not what its Content-Type says: not valid JSON, msgpack or form data, not UTF-8, or "
    "nested deeper than 64."},
  problem{
    errc::invalid_field, 422, "invalid-field", "Invalid field",
    "Some fields are unknown, missing, of a wrong type or out of bounds. `errors` names each of them, by "
    "a JSON pointer into the body or by the name of a query parameter."},
  problem{
    errc::invalid_cursor, 400, "invalid-cursor", "Invalid cursor",
    "The cursor was not made by this server for this list and these filters. Start again without one."},
  problem{errc::body_too_large, 413, "body-too-large", "Body too large",
          "The body is larger than this server reads."},
  problem{errc::header_too_large, 431, "header-too-large", "Header too large",
          "The header is larger than this server reads."},
  problem{errc::uri_too_long, 414, "uri-too-long", "URI too long",
          "The request line is longer than this server reads."},
  problem{errc::unsupported_media_type, 415, "unsupported-media-type", "Unsupported media type",
          "The body's Content-Type is not one that this route reads."},
  problem{errc::not_acceptable, 406, "not-acceptable", "Not acceptable",
          "The answer cannot be given in any form that Accept names."},
  problem{errc::method_not_allowed, 405, "method-not-allowed", "Method not allowed",
          "The resource exists but does not know this method. `Allow` names those it knows."},
  problem{errc::request_timeout, 408, "request-timeout", "Request timeout",
          "The request did not arrive in time."},
  problem{errc::missing_token, 401, "missing-token", "Missing token",
          "This route needs an access token: `Authorization: Bearer …`, from POST /v1/auth/token."},
  problem{errc::invalid_token, 401, "invalid-token", "Invalid token",
          "The token is malformed, has expired or was revoked."},
  problem{errc::invalid_credentials, 401, "invalid-credentials", "Invalid credentials",
          "There is no account with this name and password."},
  problem{errc::forbidden, 403, "forbidden", "Forbidden",
          "The account's role does not allow this."},
  problem{errc::not_your_game, 403, "not-your-game", "Not your game",
          "The game belongs to another studio."},
  problem{
    errc::locked_out, 429, "locked-out", "Locked out",
    "Too many failed log-ins for this account or from this address. Wait as long as `Retry-After` says."},
  problem{errc::rate_limited, 429, "rate-limited", "Rate limited",
          "Too many requests. Wait as long as `Retry-After` says."},
  problem{errc::not_found, 404, "not-found", "Not found", "There is nothing here."},
  problem{errc::no_such_player, 404, "no-such-player", "No such player",
          "The player does not exist, or not any more."},
  problem{errc::no_such_game, 404, "no-such-game", "No such game", "The game does not exist."},
  problem{errc::no_such_studio, 404, "no-such-studio", "No such studio",
          "The studio does not exist."},
  problem{errc::no_such_provider, 404, "no-such-provider", "No such provider",
          "The provider does not exist, or not any more."},
  problem{errc::no_such_event, 404, "no-such-event", "No such event",
          "The event does not exist, or was never on sale online."},
  problem{errc::name_taken, 409, "name-taken", "Name taken",
          "Another account has this name. Names are compared without regard to case."},
  problem{errc::game_name_taken, 409, "game-name-taken", "Game name taken",
          "The studio has a game of this name already."},
  problem{errc::studio_name_taken, 409, "studio-name-taken", "Studio name taken",
          "There is a studio of this name already."},
  problem{errc::username_taken, 409, "username-taken", "Username taken",
          "Another account has the owner's username."},
  problem{errc::precondition_failed, 412, "precondition-failed", "Precondition failed",
          "The resource has changed since the version that If-Match names."},
  problem{errc::precondition_required, 428, "precondition-required", "Precondition required",
          "This change needs If-Match with the version it is based on."},
  problem{
    errc::key_reused, 422, "key-reused", "Idempotency key reused",
    "The Idempotency-Key was used before for another request. Make a new key for a new request."},
  problem{errc::operation_in_flight, 409, "operation-in-flight", "Operation in flight",
          "A request with this Idempotency-Key is being worked on. Ask again a little later."},
  problem{errc::limit_reached, 409, "limit-reached", "Limit reached",
          "No more of these can be made."},
  problem{errc::unsupported_grant_type, 400, "unsupported-grant-type", "Unsupported grant type",
          "`grant_type` must be `password` or `refresh_token`."},
  problem{errc::overloaded, 503, "overloaded", "Overloaded",
          "The server has more to do than it can. Safe to try again after `Retry-After`."},
  problem{
    errc::shard_unavailable, 503, "shard-unavailable", "Shard unavailable",
    "The part of the data that this request needs is moving or starting. Safe to try again after "
    "`Retry-After`."},
  problem{
    errc::storage_unavailable, 503, "storage-unavailable", "Storage unavailable",
    "A database that this request needs is out of reach. Safe to try again after `Retry-After`."},
  problem{
    errc::timed_out, 503, "timed-out", "Timed out",
    "The request was not done within its time. With the same Idempotency-Key it is safe to try again."},
  problem{errc::draining, 503, "draining", "Draining",
          "This server is about to stop. Try again; another one will answer."},
  problem{errc::not_owner, 503, "not-owner", "Not the owner",
          "The part of the data that this request needs has moved. Safe to try again."},
  problem{errc::internal, 500, "internal", "Internal error",
          "A fault of the server. Its log has more under the request's id."},
};

} // namespace

std::span<const problem> all_problems() noexcept { return table; }

const problem& problem_of(errc code) noexcept {
  for (const auto& p : table)
    if (p.code == code) return p;
  return table.back();
}

const problem* find_problem(std::string_view slug) noexcept {
  for (const auto& p : table)
    if (p.slug == slug) return &p;
  return nullptr;
}

void write_problem(std::string& out, const failure& why, std::string_view instance) {
  const auto& p = problem_of(why.code);
  out.append(R"({"type":"/problems/)").append(p.slug).append(R"(","title":")").append(p.title);
  out.append(R"(","status":)").append(std::to_string(p.status));
  if (!why.detail.empty()) {
    out.append(R"(,"detail":)");
    append_json_string(out, why.detail);
  }
  if (!instance.empty()) {
    out.append(R"(,"instance":)");
    append_json_string(out, instance);
  }
  if (!why.fields.empty()) {
    out.append(R"(,"errors":[)");
    bool first = true;
    for (const auto& wrong : why.fields) {
      bool parameter = wrong.pointer.starts_with('?');
      out.append(first ? "{" : ",{").append(parameter ? R"("parameter":)" : R"("pointer":)");
      append_json_string(out, std::string_view{wrong.pointer}.substr(parameter ? 1 : 0));
      out.append(R"(,"detail":)");
      append_json_string(out, wrong.detail);
      out += '}';
      first = false;
    }
    out += ']';
  }
  out += '}';
}

std::string problem_page(const problem& p) {
  std::string out = "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>";
  out.append(p.title).append("</title>\n<h1>").append(p.title).append("</h1>\n<p>HTTP status ");
  out.append(std::to_string(p.status)).append(", type <code>/problems/").append(p.slug);
  out.append("</code></p>\n<p>");
  for (char c : p.description) {
    if (c == '<')
      out += "&lt;";
    else if (c == '&')
      out += "&amp;";
    else
      out += c;
  }
  out.append("</p>\n</html>\n");
  return out;
}

} // namespace troupe::gateway
