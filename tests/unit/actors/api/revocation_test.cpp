#include "actors/api/revocation.hpp"

#include <atomic>
#include <doctest/doctest.h>
#include <thread>
#include <vector>

using namespace troupe;
using namespace std::chrono_literals;

namespace {
constexpr revocation_set::clock::time_point start{1h};
}

TEST_CASE("a revoked session is found until its tokens have expired by themselves") {
  revocation_set set;
  const auto id = make_uuid_v7();
  CHECK_FALSE(set.contains(id));
  CHECK(set.add(std::array{id}, start + 15min) == 1);
  CHECK(set.contains(id));
  set.forget_expired(start + 15min - 1ns);
  CHECK(set.contains(id));
  set.forget_expired(start + 15min);
  CHECK_FALSE(set.contains(id));
  CHECK(set.size() == 0);
}

TEST_CASE("the generation changes with news only") {
  revocation_set set;
  const auto id = make_uuid_v7();
  const auto before = set.generation();
  set.add(std::array{id}, start);
  const auto after = set.generation();
  CHECK(after != before);
  CHECK(set.add(std::array{id}, start) == 0);
  set.add({}, start);
  CHECK(set.generation() == after);
}

TEST_CASE("the set is bounded: the oldest entry goes, and that is counted") {
  revocation_set set{100};
  const auto first = make_uuid_v7();
  set.add(std::array{first}, start + 1h);
  std::vector<uuid> many(100);
  for (auto& id : many) id = make_uuid_v7();
  set.add(many, start + 1h);
  CHECK(set.size() == 100);
  CHECK_FALSE(set.contains(first));
  CHECK(set.contains(many.back()));
  CHECK(set.overflows() == 1);
}

TEST_CASE("whoever sees a new generation finds the new entry") {
  revocation_set set;
  std::vector<uuid> ids(20'000);
  for (auto& id : ids) id = make_uuid_v7();
  std::atomic<bool> missed{false};
  std::thread reader{[&] {
    std::uint64_t seen = 0;
    while (seen < ids.size()) {
      seen = set.generation();
      if (seen > 0 && !set.contains(ids[seen - 1])) missed = true;
    }
  }};
  for (const auto& id : ids) set.add(std::array{id}, start);
  reader.join();
  CHECK_FALSE(missed);
}
