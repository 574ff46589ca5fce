#include "actors/provider/fetch/fetch.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/beast/ssl.hpp>

#include <algorithm>
#include <vector>

#include "actors/provider/fetch/dial.hpp"
#include "actors/provider/fetch/fetch_tls.hpp"
#include "actors/provider/fetch/fetch_where.hpp"
#include "actors/provider/fetch/gunzip.hpp"
#include "actors/provider/fetch/problem.hpp"
#include "actors/provider/fetch/provider_url.hpp"
#include "actors/provider/fetch/retry_after.hpp"
#include "base/version.hpp"

namespace troupe::provider {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::system::error_code;
using clock = std::chrono::steady_clock;

namespace {

constexpr auto use_result = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t piece_size = 64 * 1024;
constexpr std::size_t longest_validator = 1'024; ///< of an ETag that is worth keeping
constexpr std::size_t longest_detail = 256;
constexpr unsigned most_interim = 4; ///< answers such as 103 before the one that counts
/// A small compressed piece can become very many: others on the thread get their turn after so many.
constexpr unsigned pieces_in_a_row = 16;

bool is_header_value(std::string_view text) noexcept {
  return text.size() <= longest_validator &&
         std::ranges::none_of(text, [](unsigned char c) { return c < ' ' || c == 0x7f; });
}

bool is_redirect(int status) noexcept {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/// One fetch, from the URL to the last byte. Lives in the coroutine that runs it.
class fetching {
public:
  fetching(asio::ssl::context& tls, fetch_request what, body_sink sink, address_rule allowed)
    : tls_(tls), what_(std::move(what)), sink_(std::move(sink)), allowed_(allowed) {}

  asio::awaitable<fetch_outcome> run();

private:
  using step = fetch_result<std::string>; ///< where a redirect leads; empty: that was all
  using parser = http::response_parser<http::buffer_body>;

  asio::awaitable<fetch_result<void>> follow_all();
  asio::awaitable<step> visit(const fetch_target& target);
  template <class Stream>
  asio::awaitable<step> talk(Stream& way, const fetch_target& target);
  template <class Stream>
  asio::awaitable<fetch_result<void>> read_body(Stream& way, beast::flat_buffer& buffer,
                                                parser& in);
  asio::awaitable<fetch_result<void>> decode(gunzip& decoder, std::span<char> room,
                                             std::string_view bytes);
  asio::awaitable<fetch_result<void>> give(std::string_view piece);

  http::request<http::empty_body> request_to(const fetch_target& target) const;
  fetch_result<std::string> judge(const http::fields& fields);
  std::unexpected<fetch_problem> broken(error_code error) const;

  template <class Stream>
  void be_patient(Stream& way) const {
    beast::get_lowest_layer(way).expires_at(
      std::min(deadline_, clock::now() + what_.limits.idle_timeout));
  }

  asio::ssl::context& tls_;
  const fetch_request what_;
  const body_sink sink_;
  const address_rule allowed_;
  const clock::time_point started_ = clock::now();
  const clock::time_point deadline_ = started_ + what_.limits.total_timeout;
  fetch_outcome out_;
};

asio::awaitable<fetch_outcome> fetching::run() {
  auto done = co_await follow_all();
  if (!done) {
    const auto state = co_await asio::this_coro::cancellation_state;
    out_.failure = state.cancelled() == asio::cancellation_type::none ? done.error().what
                                                                      : fetch_failure::cancelled;
    out_.detail = std::move(done.error().detail);
    out_.detail.resize(std::min(out_.detail.size(), longest_detail));
  }
  out_.took = std::chrono::duration_cast<std::chrono::milliseconds>(clock::now() - started_);
  co_return std::move(out_);
}

asio::awaitable<fetch_result<void>> fetching::follow_all() {
  auto target = parse_url(what_.url);
  if (!target) co_return stop(fetch_failure::bad_url, std::move(target.error()));
  for (std::uint32_t followed = 0;; ++followed) {
    auto location = co_await visit(*target);
    if (!location) co_return std::unexpected(std::move(location.error()));
    if (location->empty()) co_return fetch_result<void>{};
    if (followed == what_.limits.max_redirects)
      co_return stop(fetch_failure::too_many_redirects,
                     "more than " + std::to_string(followed) + " redirects");
    target = follow(*target, *location);
    if (!target) co_return stop(fetch_failure::bad_url, "redirect: " + target.error());
  }
}

// -- a connection -----------------------------------------------------------------------------------

asio::awaitable<fetching::step> fetching::visit(const fetch_target& target) {
  const auto connected_by = std::min(deadline_, clock::now() + what_.limits.connect_timeout);
  auto way = co_await dial(target, allowed_, connected_by);
  if (!way) co_return std::unexpected(std::move(way.error()));
  if (!target.tls) co_return co_await talk(*way, target);

  auto encrypted = encrypt(std::move(*way), tls_, target.host);
  if (!encrypted) co_return std::unexpected(std::move(encrypted.error()));
  auto& stream = **encrypted;
  beast::get_lowest_layer(stream).expires_at(connected_by);
  auto [error] = co_await stream.async_handshake(asio::ssl::stream_base::client, use_result);
  if (error == beast::error::timeout)
    co_return stop(fetch_failure::timeout, "TLS's handshake took too long");
  if (error) co_return stop(fetch_failure::tls, why_untrusted(stream, error));
  co_return co_await talk(stream, target);
}

http::request<http::empty_body> fetching::request_to(const fetch_target& target) const {
  http::request<http::empty_body> made{http::verb::get, target.path, 11};
  made.set(http::field::host, target.authority);
  made.set(http::field::user_agent, "troupe/" + std::string{version()});
  made.set(http::field::accept, "application/xml, text/xml;q=0.9, */*;q=0.1");
  made.set(http::field::accept_encoding, "gzip");
  made.set(http::field::connection, "close");
  if (!what_.if_none_match.empty() && is_header_value(what_.if_none_match))
    made.set(http::field::if_none_match, what_.if_none_match);
  if (!what_.if_modified_since.empty() && is_header_value(what_.if_modified_since))
    made.set(http::field::if_modified_since, what_.if_modified_since);
  return made;
}

template <class Stream>
asio::awaitable<fetching::step> fetching::talk(Stream& way, const fetch_target& target) {
  const auto request = request_to(target);
  be_patient(way);
  if (auto [error, size] = co_await http::async_write(way, request, use_result); error)
    co_return broken(error);

  beast::flat_buffer buffer{what_.limits.max_header_bytes + piece_size};
  std::optional<parser> in;
  for (unsigned interim = 0; !in || out_.status / 100 == 1; ++interim) {
    if (interim > most_interim)
      co_return stop(fetch_failure::bad_response, "one interim answer after the other");
    in.emplace();
    in->header_limit(what_.limits.max_header_bytes);
    in->body_limit(what_.limits.max_bytes);
    be_patient(way);
    auto [error, size] = co_await http::async_read_header(way, buffer, *in, use_result);
    out_.status = static_cast<int>(in->get().result_int());
    if (error) co_return broken(error);
  }
  auto next = judge(in->get());
  if (!next || !next->empty() || out_.not_modified) co_return next;
  auto read = co_await read_body(way, buffer, *in);
  if (!read) co_return std::unexpected(std::move(read.error()));
  co_return std::string{};
}

/// What to do after a header: follow a redirect, or read the body.
fetch_result<std::string> fetching::judge(const http::fields& fields) {
  if (is_redirect(out_.status)) {
    if (auto location = fields[http::field::location]; !location.empty()) return location;
    return stop(fetch_failure::bad_response, "a redirect that leads nowhere");
  }
  const bool conditional = !what_.if_none_match.empty() || !what_.if_modified_since.empty();
  out_.not_modified = out_.status == 304 && conditional;
  if (out_.status != 200 && !out_.not_modified) {
    out_.retry_after = parse_retry_after(
      fields[http::field::retry_after],
      std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()));
    return stop(fetch_failure::http_status, "the server answered " + std::to_string(out_.status));
  }
  if (auto etag = fields[http::field::etag]; is_header_value(etag)) out_.etag = etag;
  if (auto date = fields[http::field::last_modified]; is_header_value(date))
    out_.last_modified = date;
  return {};
}

std::unexpected<fetch_problem> fetching::broken(error_code error) const {
  const auto what = failure_of(error);
  if (what != fetch_failure::timeout) return stop(what, error.message());
  if (clock::now() >= deadline_) return stop(what, "the whole took too long");
  return stop(what, "nothing came for too long");
}

// -- the body ---------------------------------------------------------------------------------------

template <class Stream>
asio::awaitable<fetch_result<void>> fetching::read_body(Stream& way, beast::flat_buffer& buffer,
                                                        parser& in) {
  const auto& fields = in.get();
  const auto encoding = fields[http::field::content_encoding];
  const bool zipped = beast::iequals(encoding, "gzip") || beast::iequals(encoding, "x-gzip");
  if (fields.count(http::field::content_encoding) > 1 ||
      !(zipped || encoding.empty() || beast::iequals(encoding, "identity")))
    co_return stop(fetch_failure::bad_encoding, "an encoding that was not asked for");
  if (auto transfer = fields[http::field::transfer_encoding];
      !transfer.empty() && !beast::iequals(transfer, "chunked"))
    co_return stop(fetch_failure::bad_encoding, "a transfer encoding that was not asked for");

  std::optional<gunzip> decoder;
  std::vector<char> piece(piece_size);
  std::vector<char> room;
  if (zipped) {
    decoder.emplace();
    room.resize(piece_size);
  }
  auto& body = in.get().body();
  while (!in.is_done()) {
    body.data = piece.data();
    body.size = piece.size();
    be_patient(way);
    auto [error, size] = co_await http::async_read_some(way, buffer, in, use_result);
    if (error == http::error::need_buffer) error = {}; // the piece is full
    if (error) co_return broken(error);
    const std::string_view got{piece.data(), piece.size() - body.size};
    if (got.empty()) continue;
    auto taken = decoder ? co_await decode(*decoder, room, got) : co_await give(got);
    if (!taken) co_return taken;
  }
  if (decoder && decoder->where() != gunzip::state::ended)
    co_return stop(fetch_failure::truncated, "the compressed data ends too early");
  co_return fetch_result<void>{};
}

asio::awaitable<fetch_result<void>> fetching::decode(gunzip& decoder, std::span<char> room,
                                                     std::string_view bytes) {
  decoder.put(bytes);
  for (unsigned given = 1;; ++given) {
    const auto piece = decoder.next(room);
    if (piece.empty()) break;
    if (auto taken = co_await give(piece); !taken) co_return taken;
    if (given % pieces_in_a_row == 0) co_await asio::post(asio::use_awaitable);
  }
  if (decoder.where() == gunzip::state::damaged)
    co_return stop(fetch_failure::bad_encoding, "the compressed data is damaged");
  co_return fetch_result<void>{};
}

asio::awaitable<fetch_result<void>> fetching::give(std::string_view piece) {
  if (piece.size() > what_.limits.max_bytes - out_.bytes)
    co_return stop(fetch_failure::too_large,
                   "the body has more than " + std::to_string(what_.limits.max_bytes) + " bytes");
  out_.bytes += piece.size();
  bool wants_more = false;
  try {
    wants_more = co_await sink_(piece);
  } catch (const boost::system::system_error& thrown) {
    // what it waited for was cancelled together with the fetch
    if (thrown.code() != asio::error::operation_aborted) throw;
  }
  if (!wants_more ||
      (co_await asio::this_coro::cancellation_state).cancelled() != asio::cancellation_type::none)
    co_return stop(fetch_failure::cancelled, "cancelled while its body came");
  if (clock::now() >= deadline_) co_return broken(beast::error::timeout);
  co_return fetch_result<void>{};
}

} // namespace

asio::awaitable<fetch_outcome> fetch_where(asio::ssl::context& tls, fetch_request what,
                                           body_sink sink, address_rule allowed) {
  const bool throws = co_await asio::this_coro::throw_if_cancelled();
  co_await asio::this_coro::throw_if_cancelled(false);
  fetching now{tls, std::move(what), std::move(sink), allowed};
  auto out = co_await now.run();
  co_await asio::this_coro::throw_if_cancelled(throws);
  co_return out;
}

asio::awaitable<fetch_outcome> fetch(asio::ssl::context& tls, fetch_request what, body_sink sink) {
  const auto any = [](const asio::ip::address&) noexcept { return true; };
  const address_rule allowed = what.allow_private ? any : is_public;
  return fetch_where(tls, std::move(what), std::move(sink), allowed);
}

} // namespace troupe::provider
