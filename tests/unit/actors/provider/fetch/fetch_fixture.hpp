#pragma once

#include <doctest/doctest.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "actors/provider/fetch/fetch.hpp"
#include "actors/provider/fetch/fetch_where.hpp"

namespace troupe::provider {

namespace asio = boost::asio;

/// The server's side of a connection.
class visitor {
public:
  using tcp = asio::ip::tcp;
  using tls = asio::ssl::stream<tcp::socket>;

  visitor(tcp::socket socket, asio::ssl::context* context) {
    if (context)
      way_.emplace<std::unique_ptr<tls>>(std::make_unique<tls>(std::move(socket), *context));
    else
      way_.emplace<tcp::socket>(std::move(socket));
  }

  asio::awaitable<bool> shake_hands() {
    if (!encrypted()) co_return true;
    auto [error] = co_await encrypted()->async_handshake(tls::server, quiet);
    co_return !error;
  }

  /// A request's header; empty when the client has gone.
  asio::awaitable<std::string> hear() {
    std::string in;
    auto into = asio::dynamic_buffer(in, 64 * 1024);
    if (encrypted())
      co_await asio::async_read_until(*encrypted(), into, "\r\n\r\n", quiet);
    else
      co_await asio::async_read_until(plain(), into, "\r\n\r\n", quiet);
    co_return in;
  }

  /// False when the client has gone.
  asio::awaitable<bool> say(std::string_view bytes) {
    const asio::const_buffer from{bytes.data(), bytes.size()};
    if (encrypted()) {
      auto [error, size] = co_await asio::async_write(*encrypted(), from, quiet);
      co_return !error;
    }
    auto [error, size] = co_await asio::async_write(plain(), from, quiet);
    co_return !error;
  }

  /// Returns when the client has gone.
  asio::awaitable<void> wait() { co_await hear(); }

private:
  static constexpr auto quiet = asio::as_tuple(asio::use_awaitable);

  tls* encrypted() {
    auto found = std::get_if<std::unique_ptr<tls>>(&way_);
    return found ? found->get() : nullptr;
  }
  tcp::socket& plain() { return std::get<tcp::socket>(way_); }

  std::variant<std::monostate, tcp::socket, std::unique_ptr<tls>> way_;
};

/// A server on a free port of 127.0.0.1 that does to each visitor what it is told to, after it has read the
/// request; then it closes the connection.
class scripted_server {
public:
  using script = std::function<asio::awaitable<void>(visitor&)>;

  scripted_server(asio::io_context& io, script what, asio::ssl::context* tls = nullptr)
    : acceptor_(io, {asio::ip::address_v4::loopback(), 0}), what_(std::move(what)), tls_(tls) {
    asio::co_spawn(io, serve(), asio::detached);
  }

  /// Says the same to everybody.
  scripted_server(asio::io_context& io, std::string answer, asio::ssl::context* tls = nullptr)
    : scripted_server(io,
                      script{[answer = std::move(answer)](visitor& who) -> asio::awaitable<void> {
                        co_await who.say(answer);
                      }},
                      tls) {}

  std::uint16_t port() const { return acceptor_.local_endpoint().port(); }
  std::string url(std::string_view path = "/") const {
    return std::string{tls_ ? "https" : "http"} + "://127.0.0.1:" + std::to_string(port()) +
           std::string{path};
  }

  std::vector<std::string> heard; ///< the requests' headers

private:
  asio::awaitable<void> serve() {
    for (;;) {
      auto [error, socket] = co_await acceptor_.async_accept(asio::as_tuple(asio::use_awaitable));
      if (error) co_return;
      visitor who{std::move(socket), tls_};
      if (!co_await who.shake_hands()) continue;
      heard.push_back(co_await who.hear());
      co_await what_(who);
    }
  }

  asio::ip::tcp::acceptor acceptor_;
  script what_;
  asio::ssl::context* tls_;
};

/// Fetches, everything in this thread.
struct fetch_fixture {
  struct fetched {
    fetch_outcome out;
    std::string body;
    std::size_t largest = 0; ///< piece
  };

  template <class Condition>
  void run_until(Condition reached) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{60};
    while (!reached() && std::chrono::steady_clock::now() < deadline) {
      if (io.stopped()) io.restart();
      io.run_one_until(deadline);
    }
    REQUIRE(reached());
  }

  /// With addresses that may be private.
  static fetch_request request(std::string url) {
    fetch_request made;
    made.url = std::move(url);
    made.allow_private = true;
    return made;
  }

  fetch_outcome outcome(asio::awaitable<fetch_outcome> fetching) {
    std::optional<fetch_outcome> got;
    asio::co_spawn(io, std::move(fetching), [&](std::exception_ptr thrown, fetch_outcome out) {
      CHECK_FALSE(thrown);
      got = std::move(out);
    });
    run_until([&] { return got.has_value(); });
    return *got;
  }

  fetched get(fetch_request what) {
    fetched got;
    got.out = outcome(fetch(*tls, std::move(what), keep(got)));
    return got;
  }
  fetched get(std::string url) { return get(request(std::move(url))); }

  static body_sink keep(fetched& into) {
    return [&into](std::string_view piece) -> asio::awaitable<bool> {
      into.body += piece;
      into.largest = std::max(into.largest, piece.size());
      co_return true;
    };
  }

  asio::io_context io{1};
  std::shared_ptr<asio::ssl::context> tls = *make_fetch_tls({});
};

/// An answer with this body.
inline std::string ok(std::string_view body, std::string_view more = {}) {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" +
         std::string{more} + "\r\n" + std::string{body};
}

/// One chunk of a body that is `Transfer-Encoding: chunked`.
inline std::string chunk(std::string_view bytes) {
  char size[20];
  std::snprintf(size, sizeof size, "%zx\r\n", bytes.size());
  return size + std::string{bytes} + "\r\n";
}

} // namespace troupe::provider
