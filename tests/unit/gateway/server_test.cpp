#include "gateway/http/server.hpp"

#include <doctest/doctest.h>

#include <boost/asio.hpp>
#include <latch>

#include "gateway/problem.hpp"

using namespace troupe;
using namespace troupe::gateway;
using namespace std::chrono_literals;
namespace asio = boost::asio;

namespace {

/// Says what it was asked; `/slow` waits for `release`.
class echo final : public http::handler {
public:
  struct gate {
    std::latch arrived{1};
    asio::steady_timer* waiting = nullptr;
    asio::io_context* io = nullptr;
  };

  echo(asio::io_context& io, gate* slow) : timer_(io), slow_(slow) {
    if (slow_) {
      slow_->waiting = &timer_;
      slow_->io = &io;
    }
  }

  task<void> handle(http::exchange& ex) override {
    if (ex.in.path == "/slow" && slow_) {
      timer_.expires_after(1h);
      slow_->arrived.count_down();
      co_await waiting{timer_};
    }
    ex.out.content_type = "text/plain";
    ex.out.body.append(to_string(ex.in.verb)).append(" ").append(ex.in.target).append(" ");
    ex.out.body.append(ex.in.body.size() > 100 ? std::to_string(ex.in.body.size()) : ex.in.body);
  }

  void refuse(http::exchange& ex, failure why) override {
    ex.out.status = problem_of(why.code).status;
    write_problem(ex.out.body, why, "id");
  }

private:
  struct waiting {
    asio::steady_timer& timer;
    bool await_ready() { return false; }
    void await_suspend(std::coroutine_handle<> h) {
      timer.async_wait([h](boost::system::error_code) { h.resume(); });
    }
    void await_resume() {}
  };

  asio::steady_timer timer_;
  gate* slow_;
};

struct fixture {
  explicit fixture(http::server_settings settings = {}, echo::gate* slow = nullptr)
    : server(settings, "test", [slow](asio::io_context& loop, std::uint32_t) {
        return std::make_unique<echo>(loop, slow);
      }) {
    auto started = server.start();
    REQUIRE(started);
  }

  asio::ip::tcp::socket connect() {
    asio::ip::tcp::socket socket{io};
    socket.connect({asio::ip::address_v4::loopback(), server.port()});
    return socket;
  }

  /// Sends, half-closes if asked, and reads until the server closes.
  std::string talk(std::string_view sent, bool half_close = true) {
    auto socket = connect();
    boost::system::error_code ec;
    asio::write(socket, asio::buffer(sent.data(), sent.size()), ec);
    if (half_close) socket.shutdown(asio::ip::tcp::socket::shutdown_send, ec);
    std::string got;
    asio::read(socket, asio::dynamic_buffer(got), ec);
    return got;
  }

  asio::io_context io;
  http::server server;
};

http::server_settings hasty() {
  http::server_settings settings;
  settings.header_timeout = 100ms;
  settings.body_timeout = 100ms;
  settings.idle_timeout = 100ms;
  return settings;
}

/// Not inlined: GCC 14 sees a fault in adding to a string of known size, where there is none.
[[gnu::noinline]] std::string filler(std::size_t size) {
  std::string out;
  out.resize(size, 'x');
  return out;
}

std::size_t count(std::string_view text, std::string_view part) {
  std::size_t found = 0;
  for (auto at = text.find(part); at != std::string_view::npos; at = text.find(part, at + 1))
    ++found;
  return found;
}

} // namespace

TEST_CASE("pipelined requests are answered in order on one connection") {
  fixture f;
  auto got = f.talk("GET /1 HTTP/1.1\r\nHost: a\r\n\r\n"
                    "POST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi"
                    "\r\nHEAD /3 HTTP/1.1\r\nHost: a\r\n\r\n"
                    "GET /4 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  CHECK(count(got, "HTTP/1.1 200 OK\r\n") == 4);
  CHECK(got.find("GET /1 ") < got.find("POST /2 hi"));
  CHECK_FALSE(got.contains("HEAD /3"));
  CHECK(got.ends_with("GET /4 "));
  CHECK(count(got, "Connection: close") == 1);
}

TEST_CASE("a request may come in single bytes") {
  fixture f;
  auto socket = f.connect();
  socket.set_option(asio::ip::tcp::no_delay(true));
  std::string_view sent =
    "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
  for (char c : sent) asio::write(socket, asio::buffer(&c, 1));
  boost::system::error_code ec;
  std::string got;
  asio::read(socket, asio::dynamic_buffer(got), ec);
  CHECK(got.ends_with("POST /x abc"));
}

TEST_CASE("large bodies are read whole and too large ones refused with an answer") {
  http::server_settings settings;
  settings.max_body = 100'000;
  fixture f{settings};
  auto post = [&](std::size_t size) {
    return f.talk("POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: " +
                  std::to_string(size) + "\r\n\r\n" + filler(size));
  };
  CHECK(post(100'000).ends_with("POST / 100000"));
  CHECK(post(100'001).starts_with("HTTP/1.1 413 "));
  CHECK(post(5'000'000).starts_with("HTTP/1.1 413 "));
}

TEST_CASE("headers over the limit are refused with an answer") {
  fixture f;
  CHECK(f.talk("GET / HTTP/1.1\r\nHost: a\r\nA: " + filler(20'000) + "\r\n\r\n")
          .starts_with("HTTP/1.1 431 "));
  CHECK(
    f.talk("GET /" + filler(20'000) + " HTTP/1.1\r\nHost: a\r\n\r\n").starts_with("HTTP/1.1 414 "));
}

TEST_CASE("what is no request gets a 400 and the connection ends") {
  fixture f;
  for (std::string sent :
       {std::string("\x16\x03\x01\x02\x00\x01\x00", 7), std::string("\0\0\0\0", 4),
        std::string("hello\r\n\r\n"), std::string("GET / HTTP/1.1\r\n\r\n"),
        std::string("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
        std::string("GET / HTTP/1.1\r\nHo"),
        std::string("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab"),
        std::string("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")}) {
    CAPTURE(sent);
    CHECK(f.talk(sent).starts_with("HTTP/1.1 400 "));
  }
  CHECK(f.server.counts().malformed == 8);
}

TEST_CASE("slow headers and bodies are answered 408, idle connections closed in silence") {
  fixture f{hasty()};
  CHECK(f.talk("GET / HTTP/1.1\r\nHos", false).starts_with("HTTP/1.1 408 "));
  CHECK(f.talk("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab", false)
          .starts_with("HTTP/1.1 408 "));
  CHECK(f.talk("", false).empty());
  CHECK(f.server.counts().timed_out == 2);
}

TEST_CASE("a client that expects 100 gets it before it sends its body") {
  fixture f;
  auto socket = f.connect();
  asio::write(socket,
              asio::buffer(std::string_view{
                "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n"
                "Connection: close\r\n\r\n"}));
  std::string got;
  asio::read_until(socket, asio::dynamic_buffer(got), "\r\n\r\n");
  CHECK(got == "HTTP/1.1 100 Continue\r\n\r\n");
  asio::write(socket, asio::buffer(std::string_view{"ok"}));
  boost::system::error_code ec;
  asio::read(socket, asio::dynamic_buffer(got), ec);
  CHECK(got.ends_with("POST / ok"));
}

TEST_CASE("connections over the bound get a 503") {
  http::server_settings settings;
  settings.max_connections = 1;
  fixture f{settings};
  auto first = f.connect();
  asio::write(first, asio::buffer(std::string_view{"GET / HTTP/1.1\r\nHost: a\r\n\r\n"}));
  std::string got;
  asio::read_until(first, asio::dynamic_buffer(got), "GET / "); // it is in
  CHECK(f.talk("", false).starts_with("HTTP/1.1 503 "));
  CHECK(f.server.counts().rejected == 1);
}

TEST_CASE("one address cannot take every connection, and what it closes comes back") {
  http::server_settings settings;
  settings.max_connections_per_address = 1;
  fixture f{settings};
  {
    auto first = f.connect();
    asio::write(first, asio::buffer(std::string_view{"GET / HTTP/1.1\r\nHost: a\r\n\r\n"}));
    std::string got;
    asio::read_until(first, asio::dynamic_buffer(got), "GET / ");
    CHECK(f.talk("", false).starts_with("HTTP/1.1 503 "));
  }
  std::string got; // the server may see the end of the first connection a little later
  for (int attempt = 0; attempt < 1000 && !got.starts_with("HTTP/1.1 200 "); ++attempt)
    got = f.talk("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  CHECK(got.starts_with("HTTP/1.1 200 "));
}

TEST_CASE("draining finishes what is under way and says so") {
  echo::gate slow;
  fixture f{{}, &slow};
  auto socket = f.connect();
  asio::write(socket, asio::buffer(std::string_view{"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n"}));
  slow.arrived.wait();
  CHECK_FALSE(f.server.drain(std::chrono::steady_clock::now() + 50ms)); // it still waits
  boost::system::error_code ec;
  asio::ip::tcp::socket late{f.io};
  late.connect({asio::ip::address_v4::loopback(), f.server.port()}, ec);
  CHECK(ec == asio::error::connection_refused);
  asio::post(*slow.io, [&] { slow.waiting->cancel(); });
  std::string got;
  asio::read(socket, asio::dynamic_buffer(got), ec);
  CHECK(got.starts_with("HTTP/1.1 200 OK"));
  CHECK(got.contains("Connection: close"));
  CHECK(f.server.drain(std::chrono::steady_clock::now() + 5s));
}

TEST_CASE("stopping ends connections that wait for ever") {
  echo::gate slow;
  std::string got;
  asio::io_context io;
  asio::ip::tcp::socket socket{io};
  {
    fixture f{{}, &slow};
    socket.connect({asio::ip::address_v4::loopback(), f.server.port()});
    asio::write(socket, asio::buffer(std::string_view{"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n"}));
    slow.arrived.wait();
    f.server.stop();
  }
  boost::system::error_code ec;
  asio::read(socket, asio::dynamic_buffer(got), ec);
  CHECK(got.empty());
}

TEST_CASE("many threads share one port") {
  http::server_settings settings;
  settings.threads = 3;
  fixture f{settings};
  for (int i = 0; i < 50; ++i)
    CHECK(f.talk("GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").ends_with("GET /a "));
  CHECK(f.server.counts().accepted == 50);
}
