#include "base/slot_table.hpp"

#include <doctest/doctest.h>

#include <set>
#include <string>

using namespace troupe;

TEST_CASE("a number finds its entry until that is taken, and nothing afterwards") {
  slot_table<std::string> table{2};
  const auto first = table.insert("one");
  const auto second = table.insert("two");
  REQUIRE(first);
  REQUIRE(second);
  CHECK(*first != 0);
  CHECK_FALSE(table.insert("three"));
  CHECK(*table.find(*second) == "two");
  CHECK(table.take(*first) == "one");
  CHECK_FALSE(table.take(*first));
  const auto third = table.insert("three"); // in the place of the first
  REQUIRE(third);
  CHECK(*third != *first);
  CHECK(table.find(*first) == nullptr);
  CHECK(*table.find(*third) == "three");
  CHECK(table.find(12'345) == nullptr);
  CHECK(table.size() == 2);
}

TEST_CASE("a visit may take entries out") {
  slot_table<int> table{100};
  std::set<std::uint64_t> numbers;
  for (int i = 0; i < 100; ++i) numbers.insert(*table.insert(i));
  CHECK(numbers.size() == 100);
  table.for_each([&](std::uint64_t number, int value) {
    if (value % 2) table.take(number);
  });
  CHECK(table.size() == 50);
}
