#include <doctest/doctest.h>

#include "app/drill/checker.hpp"

// What clients see when a safeguard of the write path is missing: one history for each, as the fault it
// guards against makes it. Every one must be found, and its counterpart with the safeguard must not.

using namespace troupe;
using namespace troupe::drill;

namespace {

clock::time_point at(int ms) { return clock::time_point{std::chrono::milliseconds{ms}}; }

operation write(action what, std::string key, int began, int ended, bool created = false) {
  return {.what = what,
          .end = ending::ok,
          .status = created ? 201U : 200U,
          .key = std::move(key),
          .created = created,
          .began = at(began),
          .ended = at(ended)};
}
operation put(std::string key, int began, int ended, bool created) {
  return write(action::put_game, std::move(key), began, ended, created);
}
operation removal(std::string key, int began, int ended) {
  return write(action::remove_game, std::move(key), began, ended);
}
operation unanswered(operation one) {
  one.end = ending::unknown;
  one.status = 0;
  return one;
}
operation read(int began, int ended, bool there) {
  return {.what = action::read_library,
          .end = ending::ok,
          .status = 200,
          .library = {there},
          .began = at(began),
          .ended = at(ended)};
}

std::size_t libraries(std::vector<operation> history) {
  return check_libraries(history, 1, 1).size();
}

} // namespace

TEST_CASE("without the fence: an owner that slept writes what it remembers") {
  // The sleeper remembers an empty library; the new owner has put the game meanwhile.
  const auto by_new_owner = put("new", 100, 110, true);
  CHECK(libraries({by_new_owner, put("old", 200, 210, true)}) == 1);
  CHECK(libraries({by_new_owner, removal("old", 200, 210), read(220, 230, true)}) == 1);
  // With it the sleeper is refused, and the client has the answer of the new owner.
  CHECK(libraries({by_new_owner, put("old", 200, 210, false), read(220, 230, true)}) == 0);
}

TEST_CASE(
  "with a lock that does not hold up a take-over: a commit after the new owner has loaded") {
  // The old owner's transaction is under way while the new owner loads, and commits after that.
  const auto late = put("late", 0, 300, true);
  CHECK(libraries({late, read(310, 320, false)}) == 1);
  // Nobody may see the game and then not, even while the write is under way.
  CHECK(libraries({late, read(100, 110, true), read(120, 130, false)}) == 1);
  CHECK(libraries({late, read(100, 110, false), read(310, 320, true)}) == 0);
}

TEST_CASE("without the ledger: a request that comes twice is carried out twice") {
  // The client's second attempt finds its own first one.
  CHECK(libraries({read(0, 5, false), put("twice", 10, 90, false), read(100, 110, true)}) == 1);
  // The second attempt undoes what another client has done in between.
  auto first = unanswered(removal("twice", 10, 20));
  CHECK(libraries({put("a", 0, 5, true), first, read(30, 40, false), put("b", 50, 60, true),
                   read(70, 80, false)}) == 1);
  CHECK(check_ledger(std::vector{put("twice", 10, 90, false)}, {{"twice", 2}}).size() == 1);
  CHECK(check_ledger(std::vector{first}, {{"twice", 2}}).size() == 1);
  CHECK(check_ledger(std::vector{put("twice", 10, 90, true)}, {{"twice", 1}}).empty());
}

TEST_CASE("with an answer before the commit: a kill loses what was acknowledged") {
  const auto lost = put("lost", 0, 10, true);
  CHECK(check_ledger(std::vector{lost}, {}).size() == 1);
  CHECK(libraries({lost, read(500, 510, false)}) == 1);
  // After the commit, the kill leaves the client without an answer at worst.
  CHECK(check_ledger(std::vector{unanswered(lost)}, {}).empty());
  CHECK(libraries({unanswered(lost), read(500, 510, false)}) == 0);
}
