#include "actors/cluster/link/link_hub.hpp"

#include <doctest/doctest.h>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>

#include <algorithm>

#include "tests/unit/actors/cluster/link/link_fixture.hpp"

using namespace troupe;
using namespace troupe::links;
using namespace std::chrono_literals;
namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

/// A context with what `credentials` would refuse to load.
credentials::tls_context unchecked(const credential_files& files) {
  auto out = std::make_shared<asio::ssl::context>(asio::ssl::context::tlsv13);
  out->use_certificate_chain_file(files.certificate.string());
  out->use_private_key_file(files.key.string(), asio::ssl::context::pem);
  out->load_verify_file(files.authority.string());
  return out;
}

/// A connection that says something and is never answered.
class stranger {
public:
  stranger(asio::io_context& io, tcp::endpoint to, std::string text, bool leaves)
    : socket_(io), timer_(io), text_(std::move(text)) {
    socket_.async_connect(to, [this, leaves](error_code error) {
      if (error) return;
      asio::async_write(socket_, asio::buffer(text_), [this, leaves](error_code, std::size_t) {
        if (leaves) socket_.close();
      });
    });
  }

  /// Adds a byte now and then, for as long as the other side listens.
  void drip() {
    timer_.expires_after(10ms);
    timer_.async_wait([this](error_code cancelled) {
      if (cancelled) return;
      asio::async_write(socket_, asio::buffer("\x16", 1), [this](error_code error, std::size_t) {
        if (!error) drip();
      });
    });
  }

private:
  tcp::socket socket_;
  asio::steady_timer timer_;
  std::string text_;
};

} // namespace

TEST_CASE_FIXTURE(link_fixture, "a certificate of another authority is refused on either side") {
  certified elsewhere;
  node a{io, 1, there.load("a")};
  node b{io, 5, there.load("b")};
  node foreign_low{io, 2, elsewhere.load("c")};
  node foreign_high{io, 9, elsewhere.load("d")};
  auto good = connect(a, b, 5);

  auto refused = dial(foreign_low, b, 5);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().what == handshake_problem::untrusted);
  refused = dial(a, foreign_high, 9);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().what == handshake_problem::untrusted);
  CHECK(b.ups.size() == 1);
  CHECK(foreign_high.ups.empty());
  CHECK_FALSE(good->ended());
}

TEST_CASE_FIXTURE(link_fixture,
                  "the dialled side refuses a certificate of another authority by itself") {
  certified elsewhere;
  node b{io, 5, there.load("b")};
  auto files = elsewhere.files("c");
  files.authority = there.files("d").authority; // so that this side does not complain
  bare_peer bad{io, unchecked(files), 2};
  bad.dial(b.hub->port(), 5);
  run_until(io, [&] { return bad.done && b.hub->count().failed == 1; });
  CHECK(bad.problem == handshake_problem::untrusted);
  CHECK(b.ups.empty());
}

TEST_CASE_FIXTURE(link_fixture, "a peer without a certificate is refused") {
  node b{io, 5, there.load("b")};
  bare_peer bad{io, std::make_shared<asio::ssl::context>(asio::ssl::context::tlsv13), 2};
  bad.dial(b.hub->port(), 5);
  run_until(io, [&] { return bad.done && b.hub->count().failed == 1; });
  CHECK(b.ups.empty());
}

TEST_CASE_FIXTURE(link_fixture, "an expired certificate is refused on either side") {
  node a{io, 1, there.load("a")};
  node b{io, 5, there.load("b")};
  auto old = unchecked(there.files("old", -48h, -24h));
  bare_peer dialling{io, old, 2};
  dialling.dial(b.hub->port(), 5);
  run_until(io, [&] { return dialling.done && b.hub->count().failed == 1; });
  CHECK(dialling.problem == handshake_problem::untrusted);
  CHECK(b.ups.empty());

  bare_peer dialled{io, old, 7};
  tcp::acceptor acceptor{io, {asio::ip::address_v4::loopback(), 0}};
  acceptor.async_accept([&](error_code error, tcp::socket socket) {
    REQUIRE_FALSE(error);
    dialled.accept(std::move(socket));
  });
  auto refused = dial(a, {"127.0.0.1", acceptor.local_endpoint().port(), incarnation(7)});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().what == handshake_problem::untrusted);
}

TEST_CASE_FIXTURE(link_fixture,
                  "a certificate that no member row holds is refused on either side") {
  node a{io, 1, there.load("a")};
  node other{io, 1, there.load("other")};
  node b{io, 5, there.load("b")};
  b.accept = [&](const peer& who) {
    return who.incarnation == incarnation(1) && who.certificate == a.own();
  };
  CHECK_FALSE(dial(other, b, 5));
  run_until(io, [&] { return b.hub->count().failed == 1; });
  CHECK(b.ups.empty());
  connect(a, b, 5);

  node c{io, 7, there.load("c")};
  a.accept = [&](const peer& who) { return who.certificate == b.own(); };
  auto refused = dial(a, c, 7);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().what == handshake_problem::refused);
  CHECK(a.ups.size() == 1);
}

TEST_CASE_FIXTURE(link_fixture, "garbage and port probes take nothing from a link under load") {
  node a{io, 1, there.load("a")};
  node b{io, 2, there.load("b")};
  b.echoes = true;
  auto link = connect(a, b, 2);
  std::string payload(16 * 1024, 'x');
  a.heard = [&](std::span<const std::byte>) {
    CHECK(link->send(bytes_of(payload)) == send_result::queued);
  };
  for (int i = 0; i < 8; ++i) REQUIRE(link->send(bytes_of(payload)) == send_result::queued);

  std::vector<std::unique_ptr<stranger>> strangers;
  for (int i = 0; i < 50; ++i) {
    auto text = i % 3 == 0   ? std::string{}
                : i % 3 == 1 ? "GET / HTTP/1.1\r\n\r\n" + std::string(4000, '\x17')
                             : std::string{"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11};
    strangers.push_back(std::make_unique<stranger>(io, address_of(b), text, i % 3 != 1));
  }
  run_until(io, [&] { return b.hub->count().failed == 50; });
  auto before = a.frames;
  run_until(io, [&] { return a.frames >= before + 200; });
  CHECK(a.story == story{"up"});
  CHECK(b.story == story{"up"});
  // every frame came back once, but for those on their way
  CHECK(b.frames - a.frames <= 8);
  CHECK(a.bytes == a.frames * payload.size());
}

TEST_CASE_FIXTURE(link_fixture, "a handshake that drips ends in time, however long it goes on") {
  node b{io, 2, there.load("b"), [](link_settings& s) { s.handshake_timeout = 150ms; }};
  // the head of a TLS record of 512 bytes, whose rest comes byte by byte
  stranger slow{io, address_of(b), std::string{"\x16\x03\x01\x02\x00", 5}, false};
  slow.drip();
  run_until(io, [&] { return b.hub->count().failed == 1; });
  CHECK(b.hub->count().handshakes == 0);
}

TEST_CASE_FIXTURE(link_fixture, "handshakes under way are bounded, and who waits gets its turn") {
  node a{io, 1, there.load("a"), [](link_settings& s) { s.dial_timeout = 20s; }};
  node b{io, 2, there.load("b"), [](link_settings& s) {
           s.max_handshakes = 2;
           s.handshake_timeout = 1s;
         }};
  std::vector<std::unique_ptr<stranger>> silent;
  for (int i = 0; i < 5; ++i)
    silent.push_back(std::make_unique<stranger>(io, address_of(b), "", false));
  std::size_t most = 0;
  auto watched = [&] {
    most = std::max(most, b.hub->count().handshakes);
    return !b.ups.empty();
  };
  run_until(io, [&] { return !watched() && most == 2; });
  a.hub->dial({"127.0.0.1", b.hub->port(), incarnation(2)}, [](link_fixture::dial_result) {});
  run_until(io, watched);
  CHECK(most == 2);
}

TEST_CASE_FIXTURE(link_fixture, "a newer link of a peer takes the older one's place") {
  node a{io, 1, there.load("a")};
  node b{io, 2, there.load("b")};
  b.echoes = true;
  auto first = connect(a, b, 2);
  auto second = connect(a, b, 2);
  CHECK(first->ended());
  CHECK(second->attempt() > first->attempt());
  CHECK(a.story == story{"up", "replaced", "up"});
  CHECK(b.story == story{"up", "replaced", "up"});
  CHECK(a.hub->count().links == 1);
  CHECK(b.hub->count().links == 1);
  REQUIRE(second->send(bytes_of("hello")) == send_result::queued);
  run_until(io, [&] { return a.frames == 1; });
}

TEST_CASE_FIXTURE(link_fixture,
                  "a half-open link gives way to a newer one and not to an older one") {
  node b{io, 2, there.load("b")};
  auto own = there.load("a");
  bare_peer first{io, own->context(), 1};
  first.dial(b.hub->port(), 2, 5);
  run_until(io, [&] { return b.ups.size() == 1; });
  bare_peer late{io, own->context(), 1};
  late.dial(b.hub->port(), 2, 4);
  run_until(io, [&] { return b.hub->count().failed == 1; });
  CHECK(b.story == story{"up"});
  bare_peer newer{io, own->context(), 1};
  newer.dial(b.hub->port(), 2, 6);
  run_until(io, [&] { return b.ups.size() == 2; });
  CHECK(b.story == story{"up", "replaced", "up"});
  CHECK(b.hub->find(incarnation(1))->attempt() == 6);
}

TEST_CASE_FIXTURE(link_fixture, "links that begin after a reload show the new certificate") {
  auto own = there.load("a");
  node a{io, 1, own};
  node b{io, 2, there.load("b")};
  auto first = connect(a, b, 2);
  auto old = own->own();
  auto files = there.files("a");
  REQUIRE(own->reload());
  CHECK_FALSE(first->ended());
  connect(a, b, 2);
  CHECK(b.ups[0]->who().certificate == old);
  CHECK(b.ups[1]->who().certificate == own->own());
  CHECK(own->own() != old);

  REQUIRE(write_files({files.certificate, files.key}, {"garbage", "garbage"}, true));
  CHECK_FALSE(own->reload());
  connect(a, b, 2);
  CHECK(b.ups[2]->who().certificate == own->own());
}

TEST_CASE_FIXTURE(link_fixture, "another cluster and another incarnation get no link") {
  node a{io, 1, there.load("a")};
  node b{io, 5, there.load("b")};
  node foreign{io, 2, there.load("c"), [](link_settings& s) { s.cluster = incarnation(254); }};
  CHECK_FALSE(dial(foreign, b, 5));
  CHECK_FALSE(dial(a, b, 4));
  run_until(io, [&] { return b.hub->count().failed == 2; });
  CHECK(b.ups.empty());
}

TEST_CASE_FIXTURE(link_fixture, "of two nodes only the one with the lower incarnation dials") {
  node a{io, 1, there.load("a")};
  node b{io, 2, there.load("b")};
  CHECK(a.hub->has_to_dial(incarnation(2)));
  CHECK_FALSE(b.hub->has_to_dial(incarnation(1)));
  auto refused = dial(b, a, 1);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().what == handshake_problem::refused);
  bare_peer high{io, there.load("c")->context(), 9};
  high.dial(b.hub->port(), 2);
  run_until(io, [&] { return high.done && b.hub->count().failed == 1; });
  CHECK(b.ups.empty());
}

TEST_CASE_FIXTURE(link_fixture, "a dial ends in time, whether nobody listens or nobody answers") {
  node a{io, 1, there.load("a"), [](link_settings& s) { s.dial_timeout = 200ms; }};
  tcp::acceptor mute{io, {asio::ip::address_v4::loopback(), 0}};
  auto port = mute.local_endpoint().port();
  auto unanswered = dial(a, {"127.0.0.1", port, incarnation(2)});
  REQUIRE_FALSE(unanswered);
  CHECK(unanswered.error().what == handshake_problem::timed_out);
  // bound but not listening, so that nobody else can listen there either
  tcp::acceptor closed{io};
  closed.open(tcp::v4());
  closed.bind({asio::ip::address_v4::loopback(), 0});
  auto nobody = dial(a, {"127.0.0.1", closed.local_endpoint().port(), incarnation(2)});
  REQUIRE_FALSE(nobody);
  CHECK(nobody.error().what == handshake_problem::unreachable);
}

TEST_CASE_FIXTURE(link_fixture, "a host may be given by its name") {
  node a{io, 1, there.load("a")};
  node b{io, 2, there.load("b")};
  CHECK(dial(a, {"localhost", b.hub->port(), incarnation(2)}));
}

TEST_CASE_FIXTURE(link_fixture,
                  "without TLS nothing but loopback addresses is listened on or dialled") {
  node a{io, 1, nullptr};
  CHECK_FALSE(a.hub->listen("0.0.0.0", 0));
  auto refused = dial(a, {"192.0.2.1", 9, incarnation(2)});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().what == handshake_problem::refused);
  link_settings settings;
  CHECK_FALSE(link_hub::make(io, settings, nullptr, a));
  settings.plain = true;
  CHECK_FALSE(link_hub::make(io, settings, there.load("a"), a));
  CHECK(link_hub::make(io, settings, nullptr, a));
}

TEST_CASE_FIXTURE(link_fixture, "a plain node and one with TLS do not understand each other") {
  node a{io, 1, nullptr};
  node b{io, 2, there.load("b")};
  CHECK_FALSE(dial(a, b, 2));
  run_until(io, [&] { return b.hub->count().failed == 1; });
  CHECK(b.ups.empty());
}

TEST_CASE_FIXTURE(link_fixture,
                  "stopping ends every link and handshake and nothing is told afterwards") {
  node a{io, 1, there.load("a")};
  node b{io, 2, there.load("b")};
  auto link = connect(a, b, 2);
  stranger silent{io, address_of(a), "", false};
  run_until(io, [&] { return a.hub->count().handshakes == 1; });
  bool told = false;
  a.hub->dial({"127.0.0.1", b.hub->port(), incarnation(2)},
              [&](link_fixture::dial_result) { told = true; });
  a.hub->stop();
  CHECK(link->ended());
  CHECK(a.story == story{"up", "stopped"});
  run_until(io, [&] { return b.story.size() == 2; });
  CHECK(b.story.back() == "lost");
  CHECK_FALSE(told);
  CHECK(a.story.size() == 2);
}
