#include "persistence/rebalance.hpp"

#include <doctest/doctest.h>

#include <map>

using namespace troupe;

namespace {

std::vector<shard_home> spread(std::initializer_list<std::pair<std::string, int>> counts) {
  std::vector<shard_home> homes;
  std::int32_t shard = 0;
  for (const auto& [name, count] : counts)
    for (int i = 0; i < count; ++i) homes.push_back({{family::player, shard++}, name});
  return homes;
}

std::map<std::string, int> after(std::vector<shard_home> homes,
                                 const std::vector<planned_move>& moves) {
  for (const auto& move : moves) {
    const auto home = std::ranges::find(homes, move.ref, &shard_home::ref);
    REQUIRE(home != homes.end());
    CHECK(home->database == move.source);
    home->database = move.target;
  }
  std::map<std::string, int> counts;
  for (const auto& home : homes) ++counts[home.database];
  return counts;
}

} // namespace

TEST_CASE("an added database gets its share, and no other shard moves") {
  const auto homes = spread({{"a", 8}, {"b", 8}});
  const auto moves = plan_rebalance(homes, std::vector<std::string>{"a", "b", "c"});
  CHECK(moves.size() == 5);
  for (const auto& move : moves) CHECK(move.target == "c");
  const auto counts = after(homes, moves);
  CHECK(counts.at("c") == 5);
  CHECK(counts.at("a") + counts.at("b") == 11);
}

TEST_CASE("what is balanced stays") {
  CHECK(
    plan_rebalance(spread({{"a", 6}, {"b", 5}, {"c", 5}}), std::vector<std::string>{"a", "b", "c"})
      .empty());
  CHECK(plan_rebalance(spread({{"b", 1}}), std::vector<std::string>{"a", "b"}).empty());
}

TEST_CASE("a database that is not active loses everything") {
  const auto homes = spread({{"a", 8}, {"b", 4}, {"c", 4}});
  const auto moves = plan_rebalance(homes, std::vector<std::string>{"b", "c"});
  CHECK(moves.size() == 8);
  CHECK(after(homes, moves) == std::map<std::string, int>{{"b", 8}, {"c", 8}});
  CHECK(plan_rebalance(homes, {}).empty());
}
