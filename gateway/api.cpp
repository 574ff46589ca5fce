#include "gateway/api.hpp"

#include <array>
#include <charconv>
#include <random>

#include "base/log.hpp"
#include "gateway/problem.hpp"

namespace troupe::gateway {

using namespace std::chrono_literals;
using http::field;

namespace {

constexpr std::uint32_t max_pending = 8192; ///< requests to actors under way, per thread
constexpr std::size_t gzip_from = 1024;     ///< bytes of a body
constexpr std::size_t max_kept_answer = 16 * 1024;
constexpr auto report_interval = 1s;
constexpr auto slow = 1s; ///< from here a request is logged whatever its status
constexpr std::string_view exposed_fields =
  "ETag, Idempotency-Replayed, Link, Location, RateLimit, RateLimit-Policy, Retry-After, traceparent, "
  "X-Request-Id";
constexpr std::string_view allowed_fields =
  "Accept, Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, traceparent, "
  "X-Request-Id";

void append_number(std::string& out, std::uint64_t number) {
  std::array<char, 20> digits;
  auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), number);
  out.append(digits.data(), end);
}

/// A W3C span id.
void append_span_id(std::string& out) {
  thread_local std::mt19937_64 engine{std::random_device{}()};
  constexpr char hex[] = "0123456789abcdef";
  auto bits = engine() | 1; // never all zero
  for (int shift = 60; shift >= 0; shift -= 4) out += hex[(bits >> shift) & 15];
}

std::string_view bearer_token(std::string_view authorization) noexcept {
  constexpr std::string_view scheme = "bearer ";
  if (authorization.size() < scheme.size()) return {};
  for (std::size_t i = 0; i < scheme.size(); ++i) {
    char c = authorization[i];
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if (c != scheme[i]) return {};
  }
  authorization.remove_prefix(scheme.size());
  while (authorization.starts_with(' ')) authorization.remove_prefix(1);
  return authorization;
}

limit_key key_of(const http::peer_address& peer) noexcept {
  if (peer.v6) return address_key(peer.bytes);
  std::array<std::uint8_t, 4> v4{};
  std::copy_n(peer.bytes.begin(), 4, v4.begin());
  return address_key(v4);
}

bool is_success(std::uint16_t status) noexcept { return status >= 200 && status < 300; }

} // namespace

struct api_handler::trail {
  std::array<char, 36> made_id; ///< memory of a request id that was made here
  std::string_view request_id;
  uuid id;
  std::optional<trace_context> trace;
  std::optional<limit_decision> limited; ///< what the client is told about its rate
  std::size_t route = 0;                 ///< index for the metrics
  std::string_view route_name = "-";
  const principal* who = nullptr;
  bool replayed = false;
  std::optional<std::int64_t> version;
};

api_handler::api_handler(const api_shared& shared, boost::asio::io_context& io,
                         std::uint32_t thread)
  : shared_(shared),
    node_(shared.node),
    bridge_(shared.system, io, max_pending),
    verifier_(shared.node.tokens, shared.node.revocations),
    stats_(all_routes().size() + 2),
    thread_(thread) {
  shared_.probe.attach(stats_, bridge_);
}

api_handler::~api_handler() {
  if (reporting_) reporting_.destroy();
  shared_.probe.detach(stats_);
}

void api_handler::tick(std::chrono::steady_clock::time_point now) {
  bridge_.expire(now);
  stats_.token_cache(verifier_.hits(), verifier_.misses());
  // One thread speaks for all: the limiter is the node's.
  if (thread_ == 0 && now >= next_report_ && !report_under_way_) {
    next_report_ = now + report_interval;
    auto started = share_usage().frame;
    if (report_under_way_) reporting_ = started; // else it has ended and freed itself
  }
}

void api_handler::stop() { bridge_.fail_all(errc::draining); }

root_task api_handler::share_usage() {
  report_under_way_ = true;
  auto usage = node_.limiter.collect_usage();
  if (!usage.buckets.empty()) {
    auto elsewhere = co_await bridge_.ask(node_.guard, bridge::clock::now() + report_interval,
                                          std::move(usage));
    if (elsewhere) node_.limiter.apply(*elsewhere, bridge::clock::now());
  }
  report_under_way_ = false;
  reporting_ = {};
}

task<void> api_handler::handle(http::exchange& ex) {
  trail t;
  auto& in = ex.in;
  auto given_id = in[field::x_request_id];
  if (is_request_id(given_id)) {
    t.request_id = given_id;
    auto parsed = parse_uuid(given_id);
    t.id = parsed ? *parsed : make_uuid_v7();
  } else {
    t.id = make_uuid_v7();
    format_to(t.id, t.made_id.data());
    t.request_id = {t.made_id.data(), t.made_id.size()};
  }
  if (in.has(field::traceparent)) t.trace = parse_traceparent(in[field::traceparent]);

  auto routes = all_routes();
  auto found = shared_.routes.find(in.verb, in.path);
  auto format = body_format::json;
  t.route = routes.size();
  t.route_name = "unmatched";
  if (!limit(key_of(*ex.peer), t)) {
    describe({errc::rate_limited, {}, {}, t.limited->retry_after_s}, ex, t);
  } else if (found.found) {
    const auto& matched = *found.found;
    t.route = static_cast<std::size_t>(&matched - routes.data());
    t.route_name = matched.id;
    context c{node_, bridge_, ex, matched, found.parameters};
    c.request_id_ = t.id;
    c.deadline_ = ex.started + node_.config.http.request_timeout;
    result<void> done;
    try {
      done = co_await run(c, t);
    } catch (const std::exception& thrown) {
      log::error("api", "handler_threw",
                 {{"route", matched.id}, {"request_id", t.request_id}, {"what", thrown.what()}});
      done = fail(errc::internal);
    }
    if (done) {
      t.replayed = c.replayed_;
      t.version = c.version_;
      format = accepted_format(in[field::accept]).value_or(body_format::json);
    } else {
      ex.out.reset();
      describe(done.error(), ex, t);
    }
    t.who = c.who_ ? &*c.who_ : nullptr;
    finish(ex, t, format);
    co_return;
  } else if (found.path_exists && in.verb == http::method::options) {
    preflight(ex, found.methods);
  } else if (found.path_exists) {
    ex.out.add("Allow", allow_field(found.methods));
    describe({errc::method_not_allowed, {}, {}, {}}, ex, t);
  } else if (shared_.pages.serve(ex, in.path)) {
    t.route = routes.size() + 1;
    t.route_name = "site";
    if (ex.out.status == 404)
      describe({errc::not_found, {}, {}, {}}, ex, t);
    else if (ex.out.status == 405)
      describe({errc::method_not_allowed, {}, {}, {}}, ex, t);
  } else {
    describe({errc::not_found, {}, {}, {}}, ex, t);
  }
  finish(ex, t, format);
}

/// False when the bucket is empty. The decision that leaves the fewest requests is what the client
/// sees.
bool api_handler::limit(const limit_key& key, trail& t) {
  auto& limiter = node_.limiter;
  if (!limiter.limits(key.kind)) return true;
  auto decision = limiter.take(key, bridge::clock::now());
  if (!t.limited || !decision.allowed || decision.remaining < t.limited->remaining)
    t.limited = decision;
  return decision.allowed;
}

/// Token, rate limit of the account, role and Accept.
result<void> api_handler::admit(context& c, trail& t) {
  const auto& in = c.request();
  const auto& matched = c.matched();
  if (matched.roles != nobody_in_particular) {
    if (!in.has(field::authorization)) return fail(errc::missing_token);
    if (in.is_repeated(field::authorization))
      return fail(errc::malformed_request, "Authorization stands more than once");
    auto token = bearer_token(in[field::authorization]);
    if (token.empty()) return fail(errc::missing_token, "the scheme must be Bearer");
    auto who = verifier_.verify(token, c.exchange_.started);
    if (!who) return std::unexpected(std::move(who.error()));
    c.who_ = std::move(*who);
    if (!limit(principal_key(c.who_->account_id), t))
      return std::unexpected(failure{errc::rate_limited, {}, {}, t.limited->retry_after_s});
    if (!allows(matched.roles, c.who_->kind)) return fail(errc::forbidden);
  }
  if (matched.media.empty() && !accepted_format(in[field::accept]))
    return fail(errc::not_acceptable);
  return {};
}

/// The operation id: the client's, or one of our own.
result<void> api_handler::read_key(context& c) {
  const auto& in = c.request();
  if (!c.matched().changes()) return {};
  if (!in.has(field::idempotency_key)) {
    c.op_id_ = make_uuid_v7();
    return {};
  }
  auto key = in[field::idempotency_key];
  // The draft's form is a quoted string; the bare form is as common.
  if (key.size() >= 2 && key.front() == '"' && key.back() == '"')
    key = key.substr(1, key.size() - 2);
  if (in.is_repeated(field::idempotency_key) || !is_idempotency_key(key))
    return fail(errc::malformed_request,
                "Idempotency-Key must be one value of 1 to 255 printable ASCII characters");
  c.op_id_ = node_.keys.operation_id(c.who_ ? c.who_->account_id : uuid{}, key);
  c.request_hash_ = node_.keys.request_hash(to_string(in.verb), in.target, in.body);
  return {};
}

/// Content-Type, and msgpack to JSON.
result<void> api_handler::read_body(context& c, trail&) {
  const auto& in = c.request();
  const auto& matched = c.matched();
  if (!matched.query && !in.query.empty()) {
    auto pairs = c.query_pairs();
    if (!pairs) return std::unexpected(std::move(pairs.error()));
    failure unknown{errc::invalid_field, {}, {}, {}};
    for (const auto& pair : *pairs)
      unknown.fields.push_back({"?" + pair.name, "is not known here"});
    return std::unexpected(std::move(unknown));
  }
  if (matched.takes == request_body::none) return {};
  if (in.has(field::content_encoding) && in[field::content_encoding] != "identity")
    return fail(errc::unsupported_media_type, "bodies may not be compressed");
  auto format = format_of(in[field::content_type]);
  if (matched.takes == request_body::form) {
    if (format != body_format::form)
      return fail(errc::unsupported_media_type,
                  "the body must be application/x-www-form-urlencoded");
    return {};
  }
  if (format == body_format::json) {
    c.json_body_ = in.body;
    return {};
  }
  if (format != body_format::msgpack)
    return fail(errc::unsupported_media_type,
                "the body must be application/json or application/msgpack");
  auto text = msgpack_to_json(in.body);
  if (!text) return std::unexpected(std::move(text.error()));
  c.transcoded_ = std::move(*text);
  c.json_body_ = c.transcoded_;
  return {};
}

task<result<void>> api_handler::run(context& c, trail& t) {
  if (auto ok = admit(c, t); !ok) co_return ok;
  if (auto ok = read_key(c); !ok) co_return ok;
  if (auto ok = read_body(c, t); !ok) co_return ok;
  bool may_keep = c.keyed() && !c.matched().secret;
  if (may_keep) {
    auto earlier = co_await find_earlier(c);
    if (!earlier) co_return std::unexpected(std::move(earlier.error()));
    if (*earlier) co_return result<void>{};
  }
  auto done = co_await c.matched().handle(c);
  if (done && may_keep && is_success(c.exchange_.out.status)) keep_answer(c, c.exchange_.out);
  co_return done;
}

/// Whether Redis still has the answer to this operation. It may not: the shard's ledger is the
/// truth.
task<result<bool>> api_handler::find_earlier(context& c) {
  auto found = co_await c.ask_actor(node_.guard, find_response{c.op_id_});
  if (!found || !found->response) co_return false;
  auto& earlier = *found->response;
  if (earlier.request_hash != c.request_hash_) co_return fail(errc::key_reused);
  auto& out = c.exchange_.out;
  out.status = earlier.status;
  out.has_body = earlier.status != 204;
  out.body = std::move(earlier.body);
  for (const auto& [name, value] : earlier.headers)
    if (http::is_field_value(value)) out.add(name, value);
  stats_.replay_found();
  c.replayed_ = true;
  co_return true;
}

void api_handler::keep_answer(const context& c, const http::response& out) {
  if (out.body.size() > max_kept_answer) return;
  keep_response kept;
  kept.op_id = c.op_id_;
  kept.response.request_hash = c.request_hash_;
  kept.response.status = out.status;
  kept.response.body = out.body;
  if (c.version_)
    kept.response.headers.emplace_back("ETag", '"' + std::to_string(*c.version_) + '"');
  std::string_view lines = out.fields;
  while (!lines.empty()) {
    auto end = lines.find("\r\n");
    auto colon = lines.find(": ");
    if (end == std::string_view::npos || colon > end) break;
    kept.response.headers.emplace_back(lines.substr(0, colon),
                                       lines.substr(colon + 2, end - colon - 2));
    lines.remove_prefix(end + 2);
  }
  bridge_.tell(node_.guard, std::move(kept));
}

void api_handler::preflight(http::exchange& ex, std::uint32_t methods) {
  ex.out.status = 204;
  ex.out.has_body = false;
  auto allow = allow_field(methods);
  ex.out.add("Allow", allow);
  if (!ex.in.has(field::access_control_request_method)) return;
  ex.out.add("Access-Control-Allow-Methods", allow);
  ex.out.add("Access-Control-Allow-Headers", allowed_fields);
  ex.out.add("Access-Control-Max-Age", "600");
}

void api_handler::refuse(http::exchange& ex, failure why) {
  trail t;
  t.id = make_uuid_v7();
  format_to(t.id, t.made_id.data());
  t.request_id = {t.made_id.data(), t.made_id.size()};
  t.route = all_routes().size();
  t.route_name = "unmatched";
  describe(why, ex, t);
  finish(ex, t, body_format::json);
}

/// Makes the answer a problem.
void api_handler::describe(const failure& why, http::exchange& ex, const trail& t) {
  const auto& p = problem_of(why.code);
  auto& out = ex.out;
  out.status = p.status;
  out.has_body = true;
  out.static_body = {};
  out.content_type = "application/problem+json";
  out.body.clear();
  write_problem(out.body, why, t.request_id);
  if (p.status == 401) {
    out.add("WWW-Authenticate", why.code == errc::invalid_token
                                  ? R"(Bearer realm="troupe", error="invalid_token")"
                                  : R"(Bearer realm="troupe")");
  } else if (p.status == 503 || p.status == 429) {
    out.add("Retry-After", std::to_string(why.retry_after_s.value_or(1)));
  }
  if (why.code == errc::internal)
    log::error("api", "internal_error",
               {{"request_id", t.request_id}, {"route", t.route_name}, {"detail", why.detail}});
}

/// What every answer has, its form, the log line and the metrics.
void api_handler::finish(http::exchange& ex, trail& t, body_format format) {
  auto& in = ex.in;
  auto& out = ex.out;
  auto& fields = out.fields;
  if (t.version) {
    fields.append("ETag: \"");
    append_number(fields, static_cast<std::uint64_t>(*t.version));
    fields.append("\"\r\n");
    bool reads = in.verb == http::method::get || in.verb == http::method::head;
    if (reads && out.status == 200 && in.has(field::if_none_match) &&
        matches_none(in[field::if_none_match], *t.version)) {
      out.status = 304;
      out.has_body = false;
    }
  }
  if (t.replayed) fields.append("Idempotency-Replayed: true\r\n");

  if (out.has_body && out.static_body.empty()) {
    if (format == body_format::msgpack && out.content_type == "application/json") {
      if (auto packed = json_to_msgpack(out.body)) {
        out.body = std::move(*packed);
        out.content_type = "application/msgpack";
      }
    }
    if (!out.packed && out.body.size() >= gzip_from && accepts_gzip(in[field::accept_encoding]) &&
        gzip_.encode(out.body, scratch_)) {
      out.body.swap(scratch_);
      fields.append("Content-Encoding: gzip\r\n");
    }
    if (is_success(out.status)) fields.append("Vary: Accept, Accept-Encoding\r\n");
  }

  fields.append("X-Request-Id: ").append(t.request_id).append("\r\n");
  if (t.trace) {
    fields.append("traceparent: 00-").append(t.trace->trace_id).append("-");
    append_span_id(fields);
    fields.append("-").append(t.trace->flags).append("\r\n");
  }
  if (t.limited) {
    const auto& limiter = node_.limiter;
    fields.append("RateLimit-Policy: ").append(limiter.policy_field(t.limited->kind));
    fields.append("\r\nRateLimit: ")
      .append(t.limited->kind == limit_kind::principal ? "\"principal\";r=" : "\"address\";r=");
    append_number(fields, t.limited->remaining);
    fields.append(";t=");
    append_number(fields, t.limited->reset_s);
    fields.append("\r\n");
  }
  if (in.has(field::origin)) {
    for (const auto& allowed : node_.config.http.cors_origins) {
      if (allowed != "*" && allowed != in[field::origin]) continue;
      fields.append("Access-Control-Allow-Origin: ").append(allowed).append("\r\n");
      fields.append("Access-Control-Expose-Headers: ").append(exposed_fields).append("\r\n");
      if (allowed != "*") fields.append("Vary: Origin\r\n");
      break;
    }
  }

  auto took = std::chrono::steady_clock::now() - ex.started;
  stats_.answered(t.route, out.status, took);
  auto level = out.status >= 500 ? log::level::warn
               : took >= slow    ? log::level::info
                                 : log::level::debug;
  if (!log::enabled(level)) return;
  std::array<char, 36> account{};
  if (t.who) format_to(t.who->account_id, account.data());
  log::write(
    level, "api", "request",
    {{"method", in.verb_text},
     {"path", in.path},
     {"status", out.status},
     {"ms", std::chrono::duration<double, std::milli>(took).count()},
     {"request_id", t.request_id},
     {"trace_id", t.trace ? t.trace->trace_id : std::string_view{}},
     {"route", t.route_name},
     {"address", std::string_view{ex.peer->text}},
     {"account", t.who ? std::string_view{account.data(), account.size()} : std::string_view{}}});
}

} // namespace troupe::gateway
