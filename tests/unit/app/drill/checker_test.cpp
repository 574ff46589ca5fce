#include "app/drill/checker.hpp"

#include <doctest/doctest.h>

using namespace troupe;
using namespace troupe::drill;
using namespace std::chrono_literals;

namespace {

clock::time_point at(int ms) { return clock::time_point{std::chrono::milliseconds{ms}}; }

operation put(int began, int ended, bool created, ending end = ending::ok) {
  return {.what = action::put_game,
          .end = end,
          .key = "k" + std::to_string(began),
          .created = created,
          .began = at(began),
          .ended = at(ended)};
}
operation removal(int began, int ended, ending end = ending::ok) {
  return {.what = action::remove_game,
          .end = end,
          .key = "k" + std::to_string(began),
          .began = at(began),
          .ended = at(ended)};
}
operation read(int began, int ended, bool there) {
  return {.what = action::read_library,
          .end = ending::ok,
          .library = {there},
          .began = at(began),
          .ended = at(ended)};
}

std::size_t wrong(std::vector<operation> history) { return check_libraries(history, 1, 1).size(); }

transition moved(int ms, std::int64_t epoch, std::string who, std::string to) {
  return {.at = timestamp{ms},
          .shard = "player/1",
          .epoch = epoch,
          .incarnation = std::move(who),
          .from = "",
          .to = std::move(to)};
}

} // namespace

TEST_CASE("a history that one register explains is in order") {
  CHECK(wrong({}) == 0);
  CHECK(wrong({read(0, 1, false), put(2, 3, true), read(4, 5, true), removal(6, 7),
               read(8, 9, false)}) == 0);
  CHECK(wrong({put(0, 9, true), read(1, 2, false), read(3, 4, true)}) ==
        0); // while it is under way
  CHECK(wrong({put(0, 9, true), put(1, 8, false)}) == 0);
  CHECK(wrong({put(0, 9, false), put(1, 8, true)}) == 0);
}

TEST_CASE("a lost write, a stale read and a doubled one are found") {
  CHECK(wrong({put(0, 1, true), read(2, 3, false)}) == 1);
  CHECK(wrong({put(0, 1, true), removal(2, 3), read(4, 5, true)}) == 1);
  CHECK(wrong({put(0, 1, true), put(2, 3, true)}) == 1);
  CHECK(wrong({removal(0, 1), put(2, 3, false)}) == 1);
  // once seen by one reader, a write under way is seen by all later ones
  CHECK(wrong({put(0, 9, true), read(1, 2, true), read(3, 4, false)}) == 1);
}

TEST_CASE("an operation of unknown end happened later, or never, but once") {
  auto unknown = put(0, 1, false, ending::unknown);
  CHECK(wrong({unknown, read(2, 3, false)}) == 0);
  CHECK(wrong({unknown, read(2, 3, true)}) == 0);
  CHECK(wrong({unknown, read(2, 3, false), read(4, 5, true)}) == 0);
  CHECK(wrong({unknown, read(2, 3, true), removal(4, 5), read(6, 7, true)}) == 1);
  CHECK(wrong({read(-3, -2, true), unknown}) == 1); // not before its request
}

TEST_CASE("a refused operation never happened") {
  CHECK(wrong({put(0, 1, false, ending::failed), read(2, 3, true)}) == 1);
}

TEST_CASE("what is found names the game that is wrong, of a read of a whole library, too") {
  auto both = read(2, 3, true);
  both.library.push_back(true); // nobody has put the second game
  const auto found = check_libraries(std::vector{put(0, 1, true), both}, 1, 2);
  REQUIRE(found.size() == 1);
  CHECK(found[0].contains("read library (0) of player 0, game 1"));
}

TEST_CASE("each acknowledged write is in the ledger once") {
  const std::vector history{put(1, 2, true), put(3, 4, false, ending::unknown),
                            put(5, 6, false, ending::failed)};
  CHECK(check_ledger(history, {{"k1", 1}}).empty());
  CHECK(check_ledger(history, {{"k1", 1}, {"k3", 1}}).empty());
  CHECK(check_ledger(history, {}).size() == 1);
  CHECK(check_ledger(history, {{"k1", 2}}).size() == 1);
  CHECK(check_ledger(history, {{"k1", 1}, {"k3", 2}}).size() == 1);
  CHECK(check_ledger(history, {{"k1", 1}, {"k5", 1}}).size() == 1);
}

TEST_CASE("each acknowledged sign-up made one account") {
  operation one{.what = action::sign_up, .end = ending::ok, .key = "s", .name = "ann"};
  const std::vector history{one};
  CHECK(check_sign_ups(history, {{"ann", 1}}).empty());
  CHECK(check_sign_ups(history, {}).size() == 1);
  CHECK(check_sign_ups(history, {{"ann", 2}}).size() == 1);
}

TEST_CASE("tenures follow one another") {
  const std::vector good{moved(1, 1, "a", "loading"),  moved(2, 1, "a", "active"),
                         moved(8, 1, "a", "draining"), moved(9, 1, "a", "released"),
                         moved(9, 2, "b", "loading"),  moved(10, 2, "b", "active")};
  CHECK(check_transitions(good, {}).empty());
}

TEST_CASE("two owners at one time are found, unless one of them stood still") {
  const std::vector both{moved(1, 1, "a", "loading"), moved(2, 1, "a", "active"),
                         moved(4, 2, "b", "loading"), moved(5, 2, "b", "active"),
                         moved(6, 1, "a", "fenced")};
  CHECK(check_transitions(both, {}).size() == 1);
  const std::vector stopped{standstill{timestamp{3}, "a"}};
  CHECK(check_transitions(both, stopped).empty());
  const std::vector never_ended{both[0], both[1], both[2], both[3]};
  CHECK(check_transitions(never_ended, {}).size() == 1);
}

TEST_CASE("two owners are found across a tenure that was never active") {
  const std::vector both{moved(1, 1, "a", "loading"), moved(2, 1, "a", "active"),
                         moved(3, 2, "b", "loading"), moved(4, 3, "c", "loading"),
                         moved(5, 3, "c", "active"),  moved(6, 1, "a", "fenced")};
  CHECK(check_transitions(both, {}).size() == 1);
}

TEST_CASE("a shard that drains is still served") {
  std::vector both{moved(1, 1, "a", "loading"),  moved(2, 1, "a", "active"),
                   moved(3, 1, "a", "draining"), moved(4, 2, "b", "loading"),
                   moved(5, 2, "b", "active"),   moved(6, 1, "a", "released")};
  CHECK(check_transitions(both, {}).size() == 1);
  both.back().at = timestamp{5};
  CHECK(check_transitions(both, {}).empty());
}

TEST_CASE("a standstill ends no tenure that began after it") {
  const std::vector both{moved(3, 1, "a", "loading"), moved(4, 1, "a", "active"),
                         moved(5, 2, "b", "loading"), moved(6, 2, "b", "active"),
                         moved(7, 1, "a", "fenced")};
  const std::vector before{standstill{timestamp{2}, "a"}};
  CHECK(check_transitions(both, before).size() == 1);
  const std::vector meanwhile{standstill{timestamp{5}, "a"}};
  CHECK(check_transitions(both, meanwhile).empty());
}

TEST_CASE("an epoch that goes back, or that two owners have, is found") {
  CHECK(check_transitions(std::vector{moved(1, 5, "a", "loading"), moved(2, 5, "a", "active"),
                                      moved(3, 5, "a", "released"), moved(4, 4, "b", "loading"),
                                      moved(5, 4, "b", "active")},
                          {})
          .size() == 1);
  CHECK(check_transitions(std::vector{moved(1, 5, "a", "loading"), moved(2, 5, "b", "loading")}, {})
          .size() == 1);
}

TEST_CASE("an empty run does not pass") {
  CHECK(check_counts({}, 1).size() == 5);
  CHECK(check_counts(std::vector{put(1, 2, true)}, 1).size() == 4);
}
