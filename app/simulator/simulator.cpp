#include "app/simulator/simulator.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>

#include <algorithm>
#include <charconv>

#include "base/json.hpp"

namespace troupe::simulator {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::system::error_code;
using tcp = asio::ip::tcp;
using namespace std::chrono_literals;

namespace {

constexpr auto use_result = asio::as_tuple(asio::use_awaitable);
constexpr auto patience = 30s; ///< for a request, and for the client to take some of its answer
constexpr std::size_t piece_size = 64 * 1024;
constexpr std::size_t drip_size = 2 * 1024;
constexpr auto drip_interval = 50ms;
constexpr std::uint32_t most_connections = 256;
constexpr auto accept_pause = 100ms; ///< when there are no more file descriptors

/// The answer of `/control`.
struct provider_state {
  std::uint64_t generation = 0;
  std::vector<std::string> chaos;
  std::uint32_t share = 0;
  std::uint64_t requests = 0;
};

template <class Number>
result<void> read(Number& out, std::string_view name, const std::string& text,
                  std::uint64_t highest) {
  std::uint64_t number = 0;
  const auto end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, number);
  if (read.ec != std::errc{} || read.ptr != end || number > highest)
    return fail(errc::invalid_field,
                std::string{name} + " is a number from 0 to " + std::to_string(highest));
  out = static_cast<Number>(number);
  return {};
}

} // namespace

provider::provider(asio::io_context& io, provider_settings settings)
  : io_(io), settings_(std::move(settings)), acceptor_(io), next_change_(io) {}

result<void> provider::listen(std::uint16_t port) {
  const tcp::endpoint where{asio::ip::address_v4::loopback(), port};
  error_code error;
  acceptor_.open(where.protocol(), error);
  if (!error) acceptor_.set_option(tcp::acceptor::reuse_address{true}, error);
  if (!error) acceptor_.bind(where, error);
  if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
  if (error)
    return fail(errc::internal,
                "cannot listen on port " + std::to_string(port) + ": " + error.message());
  asio::co_spawn(io_, accept(), asio::detached);
  if (settings_.change_every > 0s) asio::co_spawn(io_, change(), asio::detached);
  return {};
}

asio::awaitable<void> provider::accept() {
  asio::steady_timer pause{io_};
  for (;;) {
    auto [error, socket] = co_await acceptor_.async_accept(use_result);
    if (error) {
      pause.expires_after(accept_pause);
      co_await pause.async_wait(use_result);
    } else if (open_ < most_connections) {
      asio::co_spawn(io_, serve(std::move(socket)), asio::detached);
    }
  }
}

asio::awaitable<void> provider::change() {
  for (;;) {
    next_change_.expires_after(settings_.change_every);
    co_await next_change_.async_wait(use_result);
    ++generation_;
    size_ = 0;
  }
}

asio::awaitable<void> provider::serve(tcp::socket socket) {
  ++open_;
  stream way{std::move(socket)};
  beast::flat_buffer buffer{piece_size};
  for (bool more = true; more;) {
    http::request_parser<http::string_body> in;
    in.body_limit(drip_size);
    way.expires_after(patience);
    auto [error, size] = co_await http::async_read(way, buffer, in, use_result);
    if (error) break;
    more = co_await answer(way, in.get()) && in.get().keep_alive();
  }
  --open_;
}

/// False when the connection cannot be used any more.
asio::awaitable<bool> provider::answer(stream& way, const text_request& request) {
  const auto target = request.target();
  const bool is_control = target == "/control" || target.starts_with("/control?");
  const auto method = request.method();
  text_answer out{http::status::method_not_allowed, 11};
  if (is_control && (method == http::verb::get || method == http::verb::post))
    out = control(request);
  else if (method == http::verb::get || method == http::verb::head)
    co_return co_await send_feed(way, request);
  out.keep_alive(request.keep_alive());
  out.prepare_payload();
  way.expires_after(patience);
  auto [error, size] = co_await http::async_write(way, out, use_result);
  co_return !error;
}

// -- the feed ---------------------------------------------------------------------------------------

std::string provider::etag() const {
  const auto& feed = settings_.feed;
  std::string out = "\"";
  for (auto number : {static_cast<std::uint64_t>(feed.format), feed.events, feed.zones, feed.seed})
    out += std::to_string(number) + '-';
  return out + std::to_string(generation_) + '"';
}

std::uint64_t provider::feed_size() {
  if (size_ == 0) size_ = size_of_feed(settings_.feed, generation_);
  return size_;
}

asio::awaitable<bool> provider::send_feed(stream& way, const text_request& request) {
  const auto what = fate_of(settings_.what, settings_.share, settings_.feed.seed, requests_++);
  if (what.how == fate::answer::no_answer) co_return false;

  http::response<http::empty_body> out{http::status::ok, 11};
  out.keep_alive(request.keep_alive());
  feed_writer writer{settings_.feed,
                     generation_}; // before anything waits: the generation may change
  std::uint64_t size = 0;
  if (what.how == fate::answer::unavailable) {
    out.result(http::status::service_unavailable);
    out.set(http::field::retry_after, "1");
  } else if (what.how == fate::answer::error) {
    out.result(http::status::internal_server_error);
  } else {
    const auto current = etag();
    out.set(http::field::etag, current);
    if (request[http::field::if_none_match] == current) {
      out.result(http::status::not_modified);
    } else {
      out.set(http::field::content_type, "application/xml");
      size = feed_size();
    }
  }
  if (out.result() != http::status::not_modified) out.content_length(size);
  way.expires_after(patience);
  http::response_serializer<http::empty_body> header{out};
  if (auto [error, sent] = co_await http::async_write_header(way, header, use_result); error)
    co_return false;
  if (size == 0 || request.method() == http::verb::head) co_return true;
  const auto part = what.truncate ? size / 2 : size;
  co_return co_await send_body(way, std::move(writer), part, what) && part == size;
}

/// Sends the first `size` bytes, or as many that are no feed.
asio::awaitable<bool> provider::send_body(stream& way, feed_writer writer, std::uint64_t size,
                                          fate what) {
  std::string piece;
  while (size > 0) {
    piece.clear();
    if (what.garbage)
      piece.assign(piece_size, '\x01');
    else if (!writer.write(piece, piece_size))
      co_return false;
    piece.resize(std::min<std::uint64_t>(piece.size(), size));
    if (!co_await send(way, piece, what.slow)) co_return false;
    size -= piece.size();
  }
  co_return true;
}

asio::awaitable<bool> provider::send(stream& way, std::string_view bytes, bool slow) {
  asio::steady_timer pause{io_};
  while (!bytes.empty()) {
    const auto part = bytes.substr(0, slow ? drip_size : bytes.size());
    way.expires_after(patience);
    auto [error, size] = co_await asio::async_write(way, asio::buffer(part), use_result);
    if (error) co_return false;
    bytes.remove_prefix(part.size());
    if (!slow) continue;
    pause.expires_after(drip_interval);
    co_await pause.async_wait(use_result);
  }
  co_return true;
}

// -- the control ------------------------------------------------------------------------------------

result<void> provider::apply(std::string_view name, const std::string& value) {
  if (name == "chaos") {
    auto what = parse_chaos(value);
    if (!what) return std::unexpected(std::move(what.error()));
    settings_.what = *what;
    requests_ = 0; // so that what comes does not depend on what was
    return {};
  }
  if (name == "share") return read(settings_.share, name, value, 100);
  if (name != "generation")
    return fail(errc::invalid_field, "there are generation, chaos and share");
  size_ = 0;
  return read(generation_, name, value, 1'000'000'000);
}

/// Applies what stands in the query, and tells the state.
provider::text_answer provider::control(const text_request& request) {
  text_answer out{http::status::ok, 11};
  const auto target = boost::urls::parse_origin_form(request.target());
  result<void> done;
  if (!target)
    done = fail(errc::invalid_field, "this is no path with a query");
  else if (request.method() == http::verb::post)
    for (auto each : target->params()) {
      done = apply(each.key, each.value);
      if (!done) break;
    }
  if (!done) {
    out.result(http::status::bad_request);
    out.set(http::field::content_type, "text/plain");
    out.body() = done.error().detail + '\n';
    return out;
  }
  out.set(http::field::content_type, "application/json");
  out.body() = to_json(
    provider_state{generation_, settings_.what.names(), settings_.share, requests_});
  return out;
}

} // namespace troupe::simulator
