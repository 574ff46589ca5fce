#include "actors/provider/fetch/fetch.hpp"

#include <doctest/doctest.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/steady_timer.hpp>
#include <sys/resource.h>

#include "base/version.hpp"
#include "tests/unit/actors/provider/fetch/fetch_fixture.hpp"
#include "tests/unit/actors/provider/fetch/gzip.hpp"

using namespace troupe;
using namespace troupe::provider;
using namespace std::chrono_literals;

namespace {

using script = scripted_server::script;

constexpr auto chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
constexpr auto zipped = "Content-Encoding: gzip\r\n";

/// The most memory that this process has ever had, in bytes.
std::uint64_t peak_memory() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  return static_cast<std::uint64_t>(used.ru_maxrss) * 1024;
}

} // namespace

// -- answers ----------------------------------------------------------------------------------------

TEST_CASE_FIXTURE(fetch_fixture, "a body comes whole, in small pieces, with its validators") {
  auto body = noise(1'000'000);
  scripted_server server{
    io, ok(body, "ETag: \"v1\"\r\nLast-Modified: Sat, 21 Nov 2026 10:00:00 GMT\r\n")};
  auto got = get(server.url("/events?of=all"));
  CHECK_FALSE(got.out.failure);
  CHECK(got.out.status == 200);
  CHECK(got.body == body);
  CHECK(got.out.bytes == body.size());
  CHECK(got.largest <= 64 * 1024);
  CHECK(got.out.etag == "\"v1\"");
  CHECK(got.out.last_modified == "Sat, 21 Nov 2026 10:00:00 GMT");
  CHECK_FALSE(got.out.not_modified);
}

TEST_CASE_FIXTURE(fetch_fixture, "a request says who asks, for what and what is known already") {
  scripted_server server{io, ok("x")};
  auto what = request(server.url("/events?of=all"));
  what.if_none_match = "\"v1\"";
  what.if_modified_since = "Sat, 21 Nov 2026 10:00:00 GMT";
  CHECK_FALSE(get(what).out.failure);
  REQUIRE(server.heard.size() == 1);
  const auto& heard = server.heard[0];
  CHECK(heard.starts_with("GET /events?of=all HTTP/1.1\r\n"));
  CHECK(heard.contains("Host: 127.0.0.1:" + std::to_string(server.port()) + "\r\n"));
  CHECK(heard.contains("User-Agent: troupe/" + std::string{version()} + "\r\n"));
  CHECK(heard.contains("Accept: application/xml"));
  CHECK(heard.contains("Accept-Encoding: gzip\r\n"));
  CHECK(heard.contains("If-None-Match: \"v1\"\r\n"));
  CHECK(heard.contains("If-Modified-Since: Sat, 21 Nov 2026 10:00:00 GMT\r\n"));
}

TEST_CASE_FIXTURE(fetch_fixture, "a stored validator cannot add headers") {
  scripted_server server{io, ok("x")};
  auto what = request(server.url());
  what.if_none_match = "\"v1\"\r\nX-Evil: 1";
  CHECK_FALSE(get(what).out.failure);
  CHECK_FALSE(server.heard.at(0).contains("X-Evil"));
}

TEST_CASE_FIXTURE(fetch_fixture, "304 is the answer to a condition and nothing else") {
  // its length is that of the body it does not have
  scripted_server server{
    io, "HTTP/1.1 304 Not Modified\r\nETag: \"v1\"\r\nContent-Length: 999999999999\r\n\r\n"};
  auto what = request(server.url());
  what.if_none_match = "\"v1\"";
  auto got = get(what);
  CHECK_FALSE(got.out.failure);
  CHECK(got.out.not_modified);
  CHECK(got.out.status == 304);
  CHECK(got.out.etag == "\"v1\"");
  CHECK(get(server.url()).out.failure == fetch_failure::http_status);
}

TEST_CASE_FIXTURE(fetch_fixture, "chunks are one body") {
  scripted_server server{io, chunked + chunk("one, ") + chunk(noise(200'000)) + chunk("two") +
                               "0\r\nTrailer: x\r\n\r\n"};
  auto got = get(server.url());
  CHECK_FALSE(got.out.failure);
  CHECK(got.body == "one, " + noise(200'000) + "two");
}

TEST_CASE_FIXTURE(fetch_fixture, "a body without a length ends with the connection") {
  scripted_server server{io, "HTTP/1.0 200 OK\r\n\r\n<eventList/>"};
  auto got = get(server.url());
  CHECK_FALSE(got.out.failure);
  CHECK(got.body == "<eventList/>");
}

TEST_CASE_FIXTURE(fetch_fixture, "gzip is decoded, with a length and in chunks") {
  auto body = noise(100'000) + std::string(1'000'000, 'a');
  auto small = gzip(body);
  scripted_server whole{io, ok(small, zipped)};
  auto got = get(whole.url());
  CHECK_FALSE(got.out.failure);
  CHECK(got.body == body);
  CHECK(got.out.bytes == body.size());
  CHECK(got.largest <= 64 * 1024);

  auto half = small.size() / 2;
  scripted_server parts{
    io, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Encoding: gzip\r\n\r\n" +
          chunk(small.substr(0, half)) + chunk(small.substr(half)) + "0\r\n\r\n"};
  CHECK(get(parts.url()).body == body);
}

TEST_CASE_FIXTURE(fetch_fixture, "interim answers are skipped, but not without end") {
  const std::string interim = "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n";
  scripted_server few{io, interim + interim + ok("x")};
  CHECK(get(few.url()).body == "x");
  std::string many;
  for (int i = 0; i < 20; ++i) many += interim;
  scripted_server endless{io, many + ok("x")};
  CHECK(get(endless.url()).out.failure == fetch_failure::bad_response);
}

TEST_CASE_FIXTURE(fetch_fixture, "another status is a failure with the time to wait") {
  scripted_server busy{
    io, "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 7\r\nContent-Length: 4\r\n\r\nbusy"};
  auto got = get(busy.url());
  CHECK(got.out.failure == fetch_failure::http_status);
  CHECK(got.out.status == 503);
  CHECK(got.out.retry_after == 7s);
  CHECK(got.body.empty());
  for (std::string_view status :
       {"204 No Content", "206 Partial Content", "404 Not Found", "500 Oh"}) {
    scripted_server server{io, "HTTP/1.1 " + std::string{status} + "\r\n\r\n"};
    CHECK_MESSAGE(get(server.url()).out.failure == fetch_failure::http_status, status);
  }
}

// -- lies -------------------------------------------------------------------------------------------

TEST_CASE_FIXTURE(fetch_fixture, "an answer that ends too early is truncated") {
  const auto small = gzip(noise(10'000));
  for (const auto& answer :
       {std::string{}, std::string{"HTTP/1.1 200"}, std::string{"HTTP/1.1 200 OK\r\nETag: x\r\n"},
        std::string{"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"}, chunked + chunk("one"),
        chunked + chunk("one") + "ff\r\nhalf", ok(small.substr(0, small.size() / 2), zipped),
        ok("", zipped)}) {
    scripted_server server{io, answer};
    CHECK_MESSAGE(get(server.url()).out.failure == fetch_failure::truncated, answer);
  }
}

TEST_CASE_FIXTURE(fetch_fixture, "what is no HTTP is a bad response") {
  for (const auto& answer :
       {std::string{"<eventList/>\r\n\r\n"}, std::string{"HTTP/1.1 20 OK\r\n\r\n"},
        std::string{"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"},
        std::string{"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx"},
        chunked + std::string{"wrong\r\n"},
        "HTTP/1.1 200 OK\r\nX: " + std::string(100'000, 'a') + "\r\n\r\n",
        std::string{"HTTP/1.1 302 Found\r\n\r\n"}}) {
    scripted_server server{io, answer};
    CHECK_MESSAGE(get(server.url()).out.failure == fetch_failure::bad_response,
                  answer.substr(0, 80));
  }
}

TEST_CASE_FIXTURE(fetch_fixture, "damaged gzip and encodings nobody asked for are refused") {
  for (const auto& answer :
       {ok("<eventList/>", zipped), ok(gzip("x") + "surplus", zipped),
        ok("x", "Content-Encoding: br\r\n"), ok("x", "Content-Encoding: gzip, gzip\r\n"),
        ok("x", "Content-Encoding: gzip\r\nContent-Encoding: gzip\r\n")}) {
    scripted_server server{io, answer};
    CHECK_MESSAGE(get(server.url()).out.failure == fetch_failure::bad_encoding, answer);
  }
}

TEST_CASE_FIXTURE(fetch_fixture,
                  "a body over the bound is refused by its length, before it comes") {
  scripted_server server{io, "HTTP/1.1 200 OK\r\nContent-Length: 300000000\r\n\r\n"};
  auto got = get(server.url());
  CHECK(got.out.failure == fetch_failure::too_large);
  CHECK(got.out.bytes == 0);
}

TEST_CASE_FIXTURE(fetch_fixture,
                  "a body without a length is refused at the bound, and never kept") {
  std::uint64_t sent = 0;
  scripted_server server{io, script{[&](visitor& who) -> asio::awaitable<void> {
                           const auto piece = chunk(std::string(1'000'000, 'a'));
                           bool there = co_await who.say(chunked);
                           while (there && sent < 400'000'000) {
                             there = co_await who.say(piece);
                             sent += piece.size();
                           }
                         }}};
  const auto before = peak_memory();
  std::uint64_t taken = 0;
  auto out = outcome(
    fetch(*tls, request(server.url()), [&](std::string_view piece) -> asio::awaitable<bool> {
      taken += piece.size();
      co_return true;
    }));
  CHECK(out.failure == fetch_failure::too_large);
  CHECK(taken == out.bytes);
  CHECK(taken <= fetch_limits{}.max_bytes);
  CHECK(taken > fetch_limits{}.max_bytes - 2'000'000);
  CHECK(sent < 300'000'000);
  CHECK(peak_memory() - before < 32 * 1024 * 1024);
}

TEST_CASE_FIXTURE(fetch_fixture, "a little gzip that would become much is refused at the bound") {
  const auto bomb = gzip(std::string(64'000'000, 'a'));
  REQUIRE(bomb.size() < 1'000'000);
  scripted_server server{io, ok(bomb, zipped)};
  auto what = request(server.url());
  what.limits.max_bytes = 1'000'000;
  const auto before = peak_memory();
  auto got = get(what);
  CHECK(got.out.failure == fetch_failure::too_large);
  CHECK(got.body.size() <= 1'000'000);
  CHECK(peak_memory() - before < 16 * 1024 * 1024);
}

// -- time -------------------------------------------------------------------------------------------

TEST_CASE_FIXTURE(fetch_fixture,
                  "a server that falls silent costs no more than the idle time-out") {
  for (std::string_view said :
       {"", "HTTP/1.1 200", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"}) {
    scripted_server server{io, script{[&](visitor& who) -> asio::awaitable<void> {
                             co_await who.say(said);
                             co_await who.wait();
                           }}};
    auto what = request(server.url());
    what.limits.idle_timeout = 50ms;
    auto got = get(what);
    CHECK_MESSAGE(got.out.failure == fetch_failure::timeout, said);
    CHECK(got.out.took >= 50ms);
    CHECK(got.out.took < 10s);
  }
}

TEST_CASE_FIXTURE(fetch_fixture, "a server that drips costs no more than the total time-out") {
  scripted_server server{io, script{[&](visitor& who) -> asio::awaitable<void> {
                           bool there = co_await who.say(chunked);
                           asio::steady_timer timer{io};
                           while (there) {
                             timer.expires_after(5ms);
                             co_await timer.async_wait(asio::use_awaitable);
                             there = co_await who.say(chunk("x"));
                           }
                         }}};
  auto what = request(server.url());
  what.limits.total_timeout = 200ms;
  auto got = get(what);
  CHECK(got.out.failure == fetch_failure::timeout);
  CHECK(got.out.took >= 200ms);
  CHECK(got.out.took < 10s);
  CHECK_FALSE(got.body.empty());
}

TEST_CASE_FIXTURE(fetch_fixture,
                  "a handshake that never ends costs no more than the connect time-out") {
  asio::ip::tcp::acceptor silent{io, {asio::ip::address_v4::loopback(), 0}};
  auto what = request("https://127.0.0.1:" + std::to_string(silent.local_endpoint().port()));
  what.limits.connect_timeout = 50ms;
  CHECK(get(what).out.failure == fetch_failure::timeout);
}

TEST_CASE_FIXTURE(fetch_fixture, "while the sink waits the server is not read from") {
  constexpr std::uint64_t size = 64'000'000;
  std::uint64_t sent = 0;
  scripted_server server{io, script{[&](visitor& who) -> asio::awaitable<void> {
                           const std::string piece(1'000'000, 'a');
                           bool there = co_await who.say(
                             "HTTP/1.1 200 OK\r\nContent-Length: 64000000\r\n\r\n");
                           while (there && sent < size) {
                             there = co_await who.say(piece);
                             sent += piece.size();
                           }
                         }}};
  asio::steady_timer gate{io, asio::steady_timer::time_point::max()};
  std::uint64_t taken = 0;
  std::optional<fetch_outcome> out;
  auto sink = [&](std::string_view piece) -> asio::awaitable<bool> {
    taken += piece.size();
    co_await gate.async_wait(asio::as_tuple(asio::use_awaitable));
    co_return true;
  };
  asio::co_spawn(io, fetch(*tls, request(server.url()), sink),
                 [&](std::exception_ptr, fetch_outcome got) { out = std::move(got); });
  run_until([&] { return taken > 0; });
  while (io.poll() > 0); // until nothing more fits into the sockets' buffers
  CHECK(taken <= 64 * 1024);
  CHECK(sent < size);
  gate.expires_at(asio::steady_timer::time_point::min());
  run_until([&] { return out.has_value(); });
  CHECK_FALSE(out->failure);
  CHECK(taken == size);
}

TEST_CASE_FIXTURE(fetch_fixture, "the sink can end it") {
  scripted_server server{io, ok(noise(1'000'000))};
  int calls = 0;
  auto out = outcome(
    fetch(*tls, request(server.url()), [&](std::string_view) -> asio::awaitable<bool> {
      ++calls;
      co_return false;
    }));
  CHECK(out.failure == fetch_failure::cancelled);
  CHECK(calls == 1);
}

TEST_CASE_FIXTURE(fetch_fixture, "cancelling the coroutine ends it, wherever it waits") {
  for (std::string_view said : {"", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"}) {
    scripted_server server{io, script{[&](visitor& who) -> asio::awaitable<void> {
                             co_await who.say(said);
                             co_await who.wait();
                           }}};
    for (bool sink_waits : {false, true}) {
      asio::cancellation_signal cancel;
      asio::steady_timer never{io, asio::steady_timer::time_point::max()};
      std::uint64_t taken = 0;
      auto sink = [&](std::string_view piece) -> asio::awaitable<bool> {
        taken += piece.size();
        if (sink_waits) co_await never.async_wait(asio::use_awaitable);
        co_return true;
      };
      const auto before = server.heard.size();
      std::optional<fetch_outcome> out;
      asio::co_spawn(io, fetch(*tls, request(server.url()), sink),
                     asio::bind_cancellation_slot(
                       cancel.slot(), [&](std::exception_ptr thrown, fetch_outcome got) {
                         CHECK_FALSE(thrown);
                         out = std::move(got);
                       }));
      run_until([&] { return server.heard.size() > before && (said.empty() || taken == 4); });
      cancel.emit(asio::cancellation_type::terminal);
      run_until([&] { return out.has_value(); });
      CHECK(out->failure == fetch_failure::cancelled);
    }
  }
}
