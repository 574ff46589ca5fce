#include "actors/cluster/link/link.hpp"

#include <doctest/doctest.h>

#include <boost/asio/write.hpp>

#include "tests/unit/actors/cluster/link/link_fixture.hpp"

using namespace troupe;
using namespace troupe::links;
using namespace std::chrono_literals;

namespace {

/// What a small link may hold, bytes.
constexpr std::size_t small_queue = 256 * 1024;

void keep_small(link_settings& settings) {
  settings.max_frame = 64 * 1024;
  settings.max_queue = small_queue;
}

void make_hasty(link_settings& settings) {
  settings.ping_interval = 20ms;
  settings.ping_timeout = 400ms;
}

} // namespace

TEST_CASE_FIXTURE(link_fixture, "frames of all sizes come back whole and in order") {
  node a{io, 1, there.load("a"), keep_small};
  node b{io, 2, there.load("b"), keep_small};
  b.echoes = true;
  auto link = connect(a, b, 2);
  CHECK(link->who().incarnation == incarnation(2));
  CHECK(link->who().certificate == b.own());
  CHECK(b.ups.front()->who().incarnation == incarnation(1));
  CHECK(b.ups.front()->who().certificate == a.own());

  std::vector<std::string> sent;
  for (std::size_t size : {0, 1, 5, 16 * 1024, 64 * 1024, 3, 0, 60'000})
    sent.emplace_back(size, static_cast<char>('a' + sent.size()));
  std::vector<std::string> got;
  a.heard = [&](std::span<const std::byte> payload) {
    got.emplace_back(reinterpret_cast<const char*>(payload.data()), payload.size());
  };
  for (const auto& each : sent) REQUIRE(link->send(bytes_of(each)) == send_result::queued);
  run_until(io, [&] { return got.size() == sent.size(); });
  CHECK(got == sent);
  CHECK(link->send(bytes_of(std::string(64 * 1024 + 1, 'x'))) == send_result::too_large);
}

TEST_CASE_FIXTURE(link_fixture, "a plain link carries frames between loopback addresses") {
  node a{io, 1, nullptr};
  node b{io, 2, nullptr};
  b.echoes = true;
  auto link = connect(a, b, 2);
  CHECK_FALSE(link->who().certificate);
  REQUIRE(link->send(bytes_of("hello")) == send_result::queued);
  run_until(io, [&] { return a.frames == 1; });
  CHECK(a.bytes == 5);
}

TEST_CASE_FIXTURE(link_fixture, "a frame that is too large ends its own link and no other") {
  node a{io, 1, there.load("a")};
  node b{io, 5, there.load("b"), keep_small};
  node lavish{io, 2, there.load("c")};
  b.echoes = true;
  auto good = connect(a, b, 5);
  auto bad = connect(lavish, b, 5);
  REQUIRE(bad->send(bytes_of(std::string(64 * 1024 + 1, 'x'))) == send_result::queued);
  run_until(io, [&] { return b.story.size() == 3 && bad->ended(); });
  CHECK(b.story == story{"up", "up", "oversize"});
  CHECK(lavish.story == story{"up", "lost"});
  REQUIRE(good->send(bytes_of("still here")) == send_result::queued);
  run_until(io, [&] { return a.frames == 1; });
}

TEST_CASE_FIXTURE(link_fixture, "something that is no frame ends its own link and no other") {
  node a{io, 1, there.load("a")};
  node b{io, 5, there.load("b")};
  b.echoes = true;
  auto good = connect(a, b, 5);
  bare_peer bad{io, there.load("c")->context(), 2};
  bad.dial(b.hub->port(), 5);
  run_until(io, [&] { return bad.made && b.ups.size() == 2; });
  bad.made->way.async_write({"no frame at all", 15}, [](boost::system::error_code, std::size_t) {});
  run_until(io, [&] { return b.story.size() == 3; });
  CHECK(b.story.back() == "malformed");
  REQUIRE(good->send(bytes_of("still here")) == send_result::queued);
  run_until(io, [&] { return a.frames == 1; });
}

TEST_CASE_FIXTURE(link_fixture, "a peer that stops reading costs no more than the queue's bound") {
  node a{io, 1, there.load("a"), keep_small};
  node b{io, 2, there.load("b"), keep_small};
  b.pauses = true;
  auto link = connect(a, b, 2);
  std::string payload(32 * 1024, 'x');
  std::size_t taken = 0;
  std::size_t overflows = 0;
  constexpr std::size_t attempts = 4096; // 128 MiB, far beyond what the system's buffers hold
  for (std::size_t i = 0; i < attempts; ++i) {
    auto sent = link->send(bytes_of(payload));
    (sent == send_result::queued ? taken : overflows) += 1;
    REQUIRE((sent == send_result::queued || sent == send_result::overflow));
    REQUIRE(link->queued() <= small_queue);
    io.poll();
  }
  CHECK(overflows > attempts / 2);
  CHECK(b.frames == 0);
  CHECK(a.story == story{"up"});

  b.ups.front()->resume();
  run_until(io, [&] { return b.frames == taken && link->queued() == 0; });
  CHECK(b.bytes == taken * payload.size());
  REQUIRE(link->send(bytes_of(payload)) == send_result::queued);
  run_until(io, [&] { return b.frames == taken + 1; });
}

TEST_CASE_FIXTURE(link_fixture, "pausing for longer than the ping's time-out keeps both ends up") {
  node a{io, 1, there.load("a"), make_hasty};
  node b{io, 2, there.load("b"), make_hasty};
  auto link = connect(a, b, 2);
  b.ups.front()->pause();
  bare_peer silent{io, there.load("c")->context(), 1};
  // its end tells that a whole time-out has passed since then
  node watch{io, 3, there.load("d"), make_hasty};
  silent.dial(watch.hub->port(), 3);
  run_until(io, [&] { return watch.story.size() == 2; });
  b.ups.front()->resume();
  REQUIRE(link->send(bytes_of("hello")) == send_result::queued);
  run_until(io, [&] { return b.frames == 1; });
  CHECK(a.story == story{"up"});
  CHECK(b.story == story{"up"});
}

TEST_CASE_FIXTURE(link_fixture, "a silent peer's link ends, an idle one that pings stays up") {
  node a{io, 1, there.load("a"), make_hasty};
  node b{io, 5, there.load("b"), make_hasty};
  connect(a, b, 5);
  bare_peer silent{io, there.load("c")->context(), 2};
  silent.dial(b.hub->port(), 5);
  run_until(io, [&] { return b.story.size() == 3; });
  CHECK(b.story == story{"up", "up", "silent"});
  CHECK(a.story == story{"up"});
  CHECK(b.hub->find(incarnation(1)));
  CHECK_FALSE(b.hub->find(incarnation(2)));
}

TEST_CASE_FIXTURE(link_fixture, "a clean close delivers what was queued and tells both sides why") {
  node a{io, 1, there.load("a")};
  node b{io, 2, there.load("b")};
  auto link = connect(a, b, 2);
  std::string payload(100'000, 'x');
  for (int i = 0; i < 20; ++i) REQUIRE(link->send(bytes_of(payload)) == send_result::queued);
  link->close();
  CHECK(link->send(bytes_of("late")) == send_result::ended);
  run_until(io, [&] { return a.story.size() == 2 && b.story.size() == 2; });
  CHECK(b.frames == 20);
  CHECK(a.story == story{"up", "closed"});
  CHECK(b.story == story{"up", "peer_closed"});
}

TEST_CASE_FIXTURE(link_fixture,
                  "a clean close does not wait for ever for a peer that does not read") {
  node a{io, 1, there.load("a"), [](link_settings& settings) { settings.close_timeout = 50ms; }};
  node b{io, 2, there.load("b")};
  b.pauses = true;
  auto link = connect(a, b, 2);
  while (link->send(bytes_of(std::string(1024 * 1024, 'x'))) == send_result::queued) {}
  link->close();
  run_until(io, [&] { return link->ended(); });
  CHECK(a.story == story{"up", "closed"});
}

TEST_CASE_FIXTURE(link_fixture, "a link may be ended from within its own frame") {
  node a{io, 1, there.load("a")};
  node b{io, 2, there.load("b")};
  auto link = connect(a, b, 2);
  b.heard = [&](std::span<const std::byte>) { b.ups.front()->end(link_end::closed); };
  for (int i = 0; i < 3; ++i) REQUIRE(link->send(bytes_of("end it")) == send_result::queued);
  run_until(io, [&] { return a.story.size() == 2; });
  CHECK(b.frames == 1);
  CHECK(b.story == story{"up", "closed"});
  CHECK(a.story == story{"up", "lost"});
}
