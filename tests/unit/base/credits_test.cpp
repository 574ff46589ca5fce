#include "base/credits.hpp"

#include <doctest/doctest.h>

#include <thread>
#include <vector>

using namespace troupe;

TEST_CASE("credits run out at their limit and come back") {
  credits bound{2};
  CHECK(bound.try_take());
  CHECK(bound.try_take());
  CHECK_FALSE(bound.try_take());
  CHECK(bound.taken() == 2);
  bound.give_back();
  CHECK(bound.try_take());
  bound.give_back(2);
  CHECK(bound.taken() == 0);
}

TEST_CASE("threads together never hold more credits than there are") {
  constexpr std::uint32_t limit = 3;
  credits bound{limit};
  std::atomic<std::uint32_t> held{0};
  std::atomic<std::uint32_t> most{0};
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 8; ++t)
      threads.emplace_back([&] {
        for (int i = 0; i < 20'000; ++i) {
          if (!bound.try_take()) continue;
          auto now = held.fetch_add(1) + 1;
          auto seen = most.load();
          while (now > seen && !most.compare_exchange_weak(seen, now)) {}
          held.fetch_sub(1);
          bound.give_back();
        }
      });
  }
  CHECK(most.load() <= limit);
  CHECK(bound.taken() == 0);
}
