#include "persistence/rebalance.hpp"

#include <algorithm>
#include <map>
#include <ranges>

namespace troupe {

namespace {

void balance(const std::map<std::string, std::vector<shard_ref>>& held,
             std::span<const std::string> active, std::vector<planned_move>& moves) {
  auto count_of = [&](const std::string& name) {
    const auto found = held.find(name);
    return found == held.end() ? 0 : found->second.size();
  };
  std::size_t total = 0;
  for (const auto& shards : held | std::views::values) total += shards.size();
  // Whoever has the most gets the larger shares, so that nothing moves for them. What comes in for one
  // family alone goes to whoever stands last in the list, which is the newest.
  std::vector<std::string> order{active.rbegin(), active.rend()};
  std::ranges::stable_sort(order, std::ranges::greater{}, count_of);
  std::map<std::string, std::size_t> shares;
  for (std::size_t i = 0; i < order.size(); ++i)
    shares[order[i]] = total / order.size() + (i < total % order.size() ? 1 : 0);

  std::vector<std::pair<shard_ref, std::string>> surplus;
  for (const auto& [name, shards] : held)
    for (std::size_t i = shares.contains(name) ? shares.at(name) : 0; i < shards.size(); ++i)
      surplus.emplace_back(shards[i], name);
  for (const auto& target : order)
    for (auto missing = shares.at(target) - std::min(shares.at(target), count_of(target));
         missing > 0; --missing) {
      moves.push_back({surplus.back().first, surplus.back().second, target});
      surplus.pop_back();
    }
}

} // namespace

std::vector<planned_move> plan_rebalance(std::span<const shard_home> homes,
                                         std::span<const std::string> active) {
  std::vector<planned_move> moves;
  if (active.empty()) return moves;
  for (const auto& info : families) {
    std::map<std::string, std::vector<shard_ref>> held;
    for (const auto& home : homes)
      if (home.ref.fam == info.id) held[home.database].push_back(home.ref);
    balance(held, active, moves);
  }
  std::ranges::sort(moves, {}, &planned_move::ref);
  return moves;
}

} // namespace troupe
