#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "gateway/bridge.hpp"
#include "gateway/http/server.hpp"
#include "gateway/negotiation.hpp"
#include "gateway/route.hpp"
#include "gateway/services.hpp"

namespace troupe::gateway {

/// One request on its way through a route's handler: what is known about it, and the way to actors
/// and to the answer. Lives in the frame of the coroutine that handles the request.
class context {
public:
  context(const services& given, bridge& to, http::exchange& exchange, const route& matched,
          const path_parameters& parameters)
    : services_(given),
      bridge_(to),
      exchange_(exchange),
      route_(matched),
      parameters_(parameters) {}
  context(const context&) = delete;
  context& operator=(const context&) = delete;

  // -- the request ------------------------------------------------------------------------------

  const services& node() const noexcept { return services_; }
  const http::request& request() const noexcept { return exchange_.in; }
  const route& matched() const noexcept { return route_; }
  const std::string& client_address() const noexcept { return exchange_.peer->text; }

  /// Set for every route that needs a token.
  const principal& who() const noexcept { return *who_; }
  const uuid& op_id() const noexcept { return op_id_; }
  bool keyed() const noexcept { return request_hash_ != digest{}; }

  /// A path parameter that is an id; nothing when it is none, so that there can be no such thing.
  std::optional<uuid> path_id(std::size_t at) const noexcept { return parse_uuid(parameters_[at]); }

  /// The body as the route describes it. `invalid_field` or `malformed_body` else.
  template <class T>
  result<T> body() const {
    return from_json<T>(json_body_);
  }
  /// The same of a route that takes a form.
  template <class T>
  result<T> form() const {
    auto pairs = form_pairs();
    if (!pairs) return std::unexpected(std::move(pairs.error()));
    return from_pairs<T>(*pairs);
  }

  template <class T>
  result<T> query() const {
    auto pairs = query_pairs();
    if (!pairs) return std::unexpected(std::move(pairs.error()));
    return from_pairs<T>(*pairs);
  }

  /// The version that If-Match asks for, when it names one. For several, the caller reads the
  /// present one and gives it as `present`.
  match_condition if_match() const { return parse_if_match(request()[http::field::if_match]); }

  // -- actors -----------------------------------------------------------------------------------

  call make_call() const noexcept {
    call c;
    c.op_id = op_id_;
    c.request_hash = request_hash_;
    c.deadline = deadline_;
    c.request_id = request_id_;
    return c;
  }
  /// For the parts of a request that only read, or that are idempotent by what they say.
  call make_read() const noexcept {
    call c = make_call();
    c.request_hash = {};
    return c;
  }

  /// Asks the shard of `key`.
  template <class Actor, class Key, class Message>
  auto ask(const Key& key, const call& c, Message message) {
    constexpr family fam = family_of<Actor>;
    const shard_ref ref{fam, shard_of(key, services_.routes.shard_count(fam))};
    return bridge_.ask_shard<Actor>(services_.routes.locate(ref), deadline_, c, std::move(message));
  }
  /// Asks a shard by its number.
  template <class Actor, class Message>
  auto ask_at(std::int32_t shard, const call& c, Message message) {
    return bridge_.ask_shard<Actor>(services_.routes.locate({family_of<Actor>, shard}), deadline_,
                                    c, std::move(message));
  }
  /// Asks the one shard of a family.
  template <class Actor, class Message>
  auto ask_only(const call& c, Message message) {
    return ask_at<Actor>(0, c, std::move(message));
  }
  template <class Actor, class... Messages>
  auto ask_actor(const Actor& to, Messages... messages) {
    return bridge_.ask(to, deadline_, std::move(messages)...);
  }
  template <class Actor, class Message>
  void tell(const Actor& to, Message message) {
    bridge_.tell(to, std::move(message));
  }

  // -- the answer -------------------------------------------------------------------------------

  template <class T>
  void reply(std::uint16_t status, const T& value) {
    exchange_.out.status = status;
    to_json(value, exchange_.out.body);
  }
  /// JSON that is made already.
  void reply_raw(std::uint16_t status, std::string_view json) {
    exchange_.out.status = status;
    exchange_.out.body.append(json);
  }
  /// What the route's `media` says, which is compressed in itself.
  void reply_packed(std::uint16_t status, std::string bytes) {
    exchange_.out.status = status;
    exchange_.out.content_type = route_.media;
    exchange_.out.body = std::move(bytes);
    exchange_.out.packed = true;
  }
  void reply_empty(std::uint16_t status) {
    exchange_.out.status = status;
    exchange_.out.has_body = false;
  }
  void no_store() { exchange_.out.add("Cache-Control", "no-store"); }
  void location(std::string_view path) { exchange_.out.add("Location", path); }
  /// What comes next: a path with its query.
  void link_next(std::string_view target);

  /// The answer is of this version: its ETag, and what If-None-Match is compared with.
  void version(std::int64_t value) noexcept { version_ = value; }

  /// The answer comes from the ledger.
  void replayed(bool value) noexcept { replayed_ = replayed_ || value; }

  // -- pages ------------------------------------------------------------------------------------

  /// What the page's cursors are bound to besides the route: its filters and, for lists of the
  /// client's own, the account.
  void bind_cursor(std::string text) { cursor_binding_ = std::move(text); }

  template <class Position>
  result<std::optional<Position>> position(const std::optional<std::string>& cursor) const;

  /// The page's `next`, and its Link field.
  template <class Position>
  std::string next_page(const Position& last, std::uint32_t limit);

private:
  friend class api_handler;

  result<std::vector<text_pair>> query_pairs() const;
  result<std::vector<text_pair>> form_pairs() const;
  std::string cursor_bound_to() const;
  void link_next_page(std::string_view cursor, std::uint32_t limit);

  const services& services_;
  bridge& bridge_;
  http::exchange& exchange_;
  const route& route_;
  const path_parameters& parameters_;
  std::optional<principal> who_;
  uuid op_id_;
  digest request_hash_{};
  bridge::clock::time_point deadline_;
  uuid request_id_;
  std::string_view json_body_;
  std::string transcoded_; ///< JSON of a msgpack body
  std::string cursor_binding_;
  std::optional<std::int64_t> version_;
  bool replayed_ = false;
};

} // namespace troupe::gateway

#include "gateway/cursor.hpp"

namespace troupe::gateway {

template <class Position>
result<std::optional<Position>> context::position(const std::optional<std::string>& cursor) const {
  if (!cursor) return std::optional<Position>{};
  auto read = read_cursor<Position>(services_.keys, cursor_bound_to(), *cursor);
  if (!read) return std::unexpected(std::move(read.error()));
  return std::optional<Position>{std::move(*read)};
}

template <class Position>
std::string context::next_page(const Position& last, std::uint32_t limit) {
  auto cursor = make_cursor(services_.keys, cursor_bound_to(), last);
  link_next_page(cursor, limit);
  return cursor;
}

/// Splits and decodes `a=1&b=2`. `malformed_request` for broken escapes and more than 64 pairs.
result<std::vector<text_pair>> parse_pairs(std::string_view text);

} // namespace troupe::gateway
