#include "actors/guard/lockout_book.hpp"

#include <doctest/doctest.h>

using namespace troupe;
using namespace std::chrono_literals;

namespace {

constexpr lockout_book::time_point start{1h};

lock_subject subject(std::uint8_t number) {
  lock_subject it{};
  it[0] = number;
  return it;
}

lock_rule rule_for(std::uint8_t number) {
  return {.subject = subject(number),
          .attempts = 3,
          .window = 10min,
          .lock_time = 1min,
          .longest = 5min,
          .memory = 24h};
}

/// Fails until the subject is locked.
std::chrono::milliseconds fail_until_locked(lockout_book& book, lockout_book::time_point now) {
  for (int i = 0; i < 2; ++i) CHECK(book.count_failure(rule_for(1), now) == 0ms);
  return book.count_failure(rule_for(1), now);
}

} // namespace

TEST_CASE("a subject is locked by its last allowed failure, for a time") {
  lockout_book book{100};
  CHECK(fail_until_locked(book, start) == 1min);
  CHECK(book.left(subject(1), start) == 1min);
  CHECK(book.left(subject(1), start + 59s) == 1s);
  CHECK(book.left(subject(1), start + 1min) == 0ms);
  CHECK(book.left(subject(2), start) == 0ms);
}

TEST_CASE("failures of different windows are not counted together") {
  lockout_book book{100};
  for (int i = 0; i < 20; ++i) CHECK(book.count_failure(rule_for(1), start + i * 6min) == 0ms);
}

TEST_CASE("a success forgives failures but no lock") {
  lockout_book book{100};
  for (int round = 0; round < 10; ++round) {
    CHECK(book.count_failure(rule_for(1), start) == 0ms);
    CHECK(book.count_failure(rule_for(1), start) == 0ms);
    book.clear_failures(subject(1));
  }
  CHECK(fail_until_locked(book, start) == 1min);
  book.clear_failures(subject(1));
  CHECK(book.left(subject(1), start) == 1min);
}

TEST_CASE("each further lock takes twice as long, up to a bound, and a quiet day forgets them") {
  lockout_book book{100};
  auto now = start;
  for (const auto expected : {1min, 2min, 4min, 5min, 5min, 5min}) {
    CHECK(fail_until_locked(book, now) == expected);
    now += expected;
  }
  now += 24h;
  CHECK(fail_until_locked(book, now) == 1min);
}

TEST_CASE("a lock taken over from others is never a shortening") {
  lockout_book book{100};
  book.lock(subject(1), 3min, start);
  CHECK(book.left(subject(1), start) == 3min);
  book.lock(subject(1), 1min, start);
  CHECK(book.left(subject(1), start) == 3min);
}

TEST_CASE("the book is bounded and forgets the subject untouched for longest") {
  lockout_book book{3};
  for (std::uint8_t i = 1; i <= 3; ++i) book.lock(subject(i), 1h, start);
  book.lock(subject(1), 1h, start);
  book.lock(subject(4), 1h, start);
  CHECK(book.size() == 3);
  CHECK(book.left(subject(1), start) == 1h);
  CHECK(book.left(subject(2), start) == 0ms);
  CHECK(book.left(subject(4), start) == 1h);
}
