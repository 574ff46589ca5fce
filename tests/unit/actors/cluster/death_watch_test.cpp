#include "actors/cluster/death_watch.hpp"

#include <doctest/doctest.h>

using namespace troupe;
using namespace std::chrono_literals;

namespace {

/// A watch, a member that renews or not, and the time.
struct watching {
  uuid self = make_uuid_v7();
  member_record peer{.incarnation = make_uuid_v7(), .node = "b", .lease = 2'000ms};
  death_watch watch{{.polls = 5, .margin = 500ms, .longest_gap = 1'500ms}};
  death_watch::clock::time_point now{1h};

  std::vector<death_watch::suspect> last; ///< of the last poll, with those that need a vote

  /// Those that are certainly gone.
  std::vector<death_watch::suspect> poll(std::chrono::milliseconds after,
                                         std::chrono::milliseconds took = 0ms) {
    now += after;
    const auto sent = now;
    now += took;
    const member_record both[]{{.incarnation = self, .lease = 2'000ms}, peer};
    last = watch.observe(sent, now, both, self);
    auto certain = last;
    std::erase_if(certain, [](const auto& one) { return !one.certain; });
    return certain;
  }

  /// Polls without a renewal until the peer is a suspect; how long that took.
  std::chrono::milliseconds until_suspected(std::chrono::milliseconds every) {
    const auto began = now;
    while (poll(every).empty()) REQUIRE(now - began < 1min);
    return std::chrono::duration_cast<std::chrono::milliseconds>(now - began);
  }
};

} // namespace

TEST_CASE("a member that renews is no suspect, however rarely it is seen to") {
  watching w;
  for (int i = 0; i < 100; ++i) {
    if (i % 4 == 0) ++w.peer.renew_seq;
    CHECK(w.poll(500ms).empty());
  }
}

TEST_CASE("a member that stops renewing is a suspect after its lease and the margin, not before") {
  watching w;
  REQUIRE(w.poll(500ms).empty());
  CHECK(w.until_suspected(500ms) == 2'500ms);
  const auto again = w.poll(500ms);
  REQUIRE(again.size() == 1);
  CHECK(again[0].incarnation == w.peer.incarnation);
  CHECK(again[0].seen_seq == w.peer.renew_seq);
  ++w.peer.renew_seq; // it lives after all
  CHECK(w.poll(500ms).empty());
  CHECK(w.until_suspected(500ms) == 2'500ms);
}

TEST_CASE("a member whose lease alone is over needs the vote of another one") {
  watching w;
  REQUIRE(w.poll(500ms).empty());
  for (int i = 0; i < 3; ++i) {
    CHECK(w.poll(500ms).empty());
    CHECK(w.last.empty());
  }
  CHECK(w.poll(500ms).empty()); // 2 s after the first one
  REQUIRE(w.last.size() == 1);
  CHECK_FALSE(w.last[0].certain);
}

TEST_CASE("few polls are not enough, however long they took") {
  watching w;
  REQUIRE(w.poll(1'400ms).empty());
  CHECK(w.until_suspected(1'400ms) == 4 * 1'400ms);
}

TEST_CASE("a longer lease is waited for") {
  watching w;
  w.peer.lease = 10s;
  REQUIRE(w.poll(500ms).empty());
  CHECK(w.until_suspected(500ms) == 10'500ms);
}

TEST_CASE("a poll that failed starts every observation anew") {
  watching w;
  REQUIRE(w.poll(500ms).empty());
  for (int i = 0; i < 4; ++i) REQUIRE(w.poll(500ms).empty());
  w.watch.poll_failed();
  REQUIRE(w.poll(500ms).empty());
  CHECK(w.until_suspected(500ms) == 2'500ms);
}

TEST_CASE("a watcher that slept for longer than two polls may be apart has seen nothing") {
  watching w;
  REQUIRE(w.poll(500ms).empty());
  for (int i = 0; i < 4; ++i) REQUIRE(w.poll(500ms).empty());
  CHECK(w.poll(10s).empty());
  CHECK(w.until_suspected(500ms) == 2'500ms);
}

TEST_CASE("the time that an answer took does not count") {
  watching w;
  REQUIRE(w.poll(100ms, 900ms).empty());
  // Each poll takes 1,000 ms, 900 of them on its way: from the first answer to the last question are 100 ms
  // less than full seconds.
  int polls = 0;
  while (w.poll(100ms, 900ms).empty()) REQUIRE(++polls < 20);
  CHECK(polls == 3); // four more after the first: 3,100 ms at the fourth's question
}

TEST_CASE("one does not suspect oneself") {
  watching w;
  for (int i = 0; i < 20; ++i) {
    ++w.peer.renew_seq;
    CHECK(w.poll(500ms).empty());
  }
}

TEST_CASE(
  "the next look at a member that stands still is due when its lease is over, then with the margin") {
  watching w;
  CHECK(w.poll(500ms).empty());
  const auto since = w.now;
  CHECK_FALSE(w.watch.due()); // it has missed nothing yet
  CHECK(w.poll(500ms).empty());
  CHECK(w.watch.due() == since + 2'000ms);
  for (auto next : {500ms, 600ms}) CHECK(w.poll(next).empty());
  CHECK(w.poll(400ms).empty());
  REQUIRE(w.last.size() == 1);
  CHECK(w.watch.due() == since + 2'500ms);
  CHECK(w.poll(500ms).size() == 1);
  CHECK_FALSE(w.watch.due()); // named by every poll from now on
  ++w.peer.renew_seq;
  CHECK(w.poll(500ms).empty());
  CHECK_FALSE(w.watch.due());
}
