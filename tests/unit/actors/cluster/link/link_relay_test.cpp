#include <doctest/doctest.h>

#include "tests/unit/actors/cluster/link/link_fixture.hpp"
#include "tests/unit/actors/cluster/link/relay.hpp"

using namespace troupe;
using namespace troupe::links;
using namespace std::chrono_literals;
using namespace std::string_view_literals;

namespace {

void make_hasty(link_settings& settings) {
  settings.ping_interval = 20ms;
  settings.ping_timeout = 400ms;
  settings.handshake_timeout = 400ms;
  settings.dial_timeout = 400ms;
}

/// Two nodes whose links pass through a relay, and a third that is linked without one.
struct relayed : link_fixture {
  node a{io, 1, there.load("a"), make_hasty};
  node b{io, 5, there.load("b"), make_hasty};
  node bystander{io, 2, there.load("c"), make_hasty};
  relay between{io, address_of(b)};

  dial_result dial_through() { return dial(a, {"127.0.0.1", between.port(), incarnation(5)}); }
  void connect_all() {
    REQUIRE(dial_through());
    run_until(io, [&] { return b.ups.size() == 1; });
    connect(bystander, b, 5);
  }
  /// That a frame of each size comes over the link of a and b.
  void speak() {
    const auto before = b.bytes;
    for (std::size_t size : {0, 1, 3'000})
      REQUIRE(a.hub->find(incarnation(5))->send(bytes_of(std::string(size, 'x'))) ==
              send_result::queued);
    run_until(io, [&] { return b.bytes == before + 3'001; });
  }
};

} // namespace

TEST_CASE_FIXTURE(relayed, "a black hole is noticed on both sides, and one link comes after it") {
  connect_all();
  between.there = between.back = relay::way::swallows;
  run_until(io, [&] { return a.story.size() == 2 && b.story.size() == 3; });
  CHECK(a.story.back() == "silent");
  CHECK(b.story.back() == "silent");
  CHECK_FALSE(dial_through()); // in time
  between.there = between.back = relay::way::passes;
  REQUIRE(dial_through());
  run_until(io, [&] { return b.hub->find(incarnation(1)) != nullptr; });
  speak();
  CHECK(bystander.story == story{"up"});
}

TEST_CASE_FIXTURE(relayed, "a link that is cut one way ends on both sides") {
  connect_all();
  SUBCASE("who dialed is not heard") { between.there = relay::way::swallows; }
  SUBCASE("who dialed does not hear") { between.back = relay::way::swallows; }
  run_until(io, [&] { return a.story.size() == 2 && b.story.size() == 3; });
  CHECK_FALSE(a.hub->find(incarnation(5)));
  CHECK_FALSE(b.hub->find(incarnation(1)));
  CHECK_FALSE(dial_through()); // no half-open link comes of it
  CHECK_FALSE(a.hub->find(incarnation(5)));
  between.there = between.back = relay::way::passes;
  REQUIRE(dial_through());
  run_until(io, [&] { return b.hub->find(incarnation(1)) != nullptr; });
  speak();
  CHECK(bystander.story == story{"up"});
}

TEST_CASE_FIXTURE(relayed, "a link whose bytes drip stays up and its frames are whole") {
  connect_all();
  between.there = between.back = relay::way::drips;
  speak();
  speak();
  CHECK(a.story == story{"up"});
  CHECK(bystander.story == story{"up"});
}

TEST_CASE_FIXTURE(relayed,
                  "bytes that somebody puts into a link end it, reach nobody, and no other") {
  connect_all();
  between.inject("\x17\x03\x03\x00\x10 not of this session"sv);
  run_until(io, [&] { return a.story.size() == 2 && b.story.size() == 3; });
  CHECK(b.frames == 0);
  CHECK(b.story.back() == "lost");
  REQUIRE(dial_through());
  run_until(io, [&] { return b.hub->find(incarnation(1)) != nullptr; });
  speak();
  CHECK(bystander.story == story{"up"});
}
