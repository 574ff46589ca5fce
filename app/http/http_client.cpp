#include "app/http/http_client.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <utility>

#include "actors/provider/fetch/dial.hpp"
#include "actors/provider/fetch/fetch.hpp"
#include "actors/provider/fetch/fetch_tls.hpp"

namespace troupe {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::system::error_code;

namespace {

constexpr auto use_result = asio::as_tuple(asio::use_awaitable);
constexpr std::uint64_t largest_answer = 8 * 1024 * 1024;

/// Whom a command talks to is the choice of who calls it.
bool any_address(const asio::ip::address&) noexcept { return true; }

} // namespace

result<http_client> http_client::make(const std::string& url,
                                      const std::filesystem::path& ca_file) {
  auto server = provider::parse_url(url);
  if (!server) return fail(errc::invalid_field, url + ": " + server.error());
  if (server->path != "/") return fail(errc::invalid_field, url + " shall end with host and port");
  std::shared_ptr<asio::ssl::context> tls;
  if (server->tls) {
    auto made = provider::make_fetch_tls(ca_file);
    if (!made) return std::unexpected(std::move(made.error()));
    tls = std::move(*made);
  }
  return http_client{std::move(*server), std::move(tls)};
}

void http_client::disconnect() {
  plain_.reset();
  encrypted_.reset();
  buffer_.clear();
}

asio::awaitable<http_client::outcome> http_client::connect(deadline until) {
  auto way = co_await provider::dial(server_, any_address, until);
  if (!way) co_return std::move(way.error().detail);
  if (!tls_) {
    plain_.emplace(std::move(*way));
    co_return std::nullopt;
  }
  auto encrypted = provider::encrypt(std::move(*way), *tls_, server_.host);
  if (!encrypted) co_return std::move(encrypted.error().detail);
  encrypted_ = std::move(*encrypted);
  encrypted_->next_layer().expires_at(until);
  auto [error] = co_await encrypted_->async_handshake(asio::ssl::stream_base::client, use_result);
  if (error) co_return provider::why_untrusted(*encrypted_, error);
  co_return std::nullopt;
}

asio::awaitable<http_client::outcome> http_client::exchange(sent& out, received& in,
                                                            deadline until) {
  if (!connected())
    if (auto wrong = co_await connect(until)) co_return wrong;
  auto talk = [&](auto& stream) -> asio::awaitable<error_code> {
    beast::get_lowest_layer(stream).expires_at(until);
    auto [unsent, written] = co_await http::async_write(stream, out, use_result);
    if (unsent) co_return unsent;
    auto [unread, read] = co_await http::async_read(stream, buffer_, in, use_result);
    co_return unread;
  };
  const auto error = co_await (plain_ ? talk(*plain_) : talk(*encrypted_));
  if (error) co_return error.message();
  co_return std::nullopt;
}

std::expected<http_answer, no_answer> http_client::send(const request& what,
                                                        std::chrono::milliseconds limit) {
  sent out{what.method, what.target, 11, what.body};
  out.set(http::field::host, server_.authority);
  if (!what.body.empty()) out.set(http::field::content_type, what.content_type);
  if (!what.token.empty()) out.set(http::field::authorization, "Bearer " + what.token);
  if (!what.key.empty()) out.set("Idempotency-Key", what.key);
  out.prepare_payload();
  received in;
  in.body_limit(largest_answer);

  const bool fresh = !connected();
  const auto until = std::chrono::steady_clock::now() + limit;
  outcome wrong;
  asio::co_spawn(*io_, exchange(out, in, until), [&](std::exception_ptr thrown, outcome got) {
    wrong = thrown ? outcome{"the connection could not be made"} : std::move(got);
  });
  io_->restart();
  io_->run();
  if (wrong) {
    const bool began = in.got_some();
    disconnect();
    // A connection that the server closed while it was idle says nothing of this request.
    if (!fresh && !began && std::chrono::steady_clock::now() < until) return send(what, limit);
    return std::unexpected(no_answer{began, std::move(*wrong)});
  }
  auto& answer = in.get();
  http_answer made{answer.result_int(), std::move(answer.body()),
                   answer.count("Idempotency-Replayed") > 0};
  if (!answer.keep_alive()) disconnect();
  return made;
}

} // namespace troupe
