#define CAF_SUITE simulation

#include <caf/test/dsl.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <optional>
#include <string>
#include <string_view>

#include "tests/actors/simulation/clients.hpp"

// Three nodes, two shards, one database, many seeds: everything that can happen between them in an order
// drawn by the seed, with virtual time. See "The simulation" in CONTRIBUTING.md.

using namespace troupe;
using namespace troupe::test;

namespace {

constexpr std::uint64_t seeds_per_run = 10'000;
constexpr int steps_per_seed = 1'500;
constexpr int calm_rounds = 400;

struct totals {
  simulated_clients::totals clients;
  std::uint64_t commands = 0;
  std::uint64_t doubts = 0;
  std::uint64_t retaken = 0;
  std::uint64_t stale_refused = 0;
  std::uint64_t crashes = 0;
  std::uint64_t pauses = 0;
  std::uint64_t deaths = 0; ///< declared while the process lived
  std::uint64_t hand_offs = 0;
  std::uint64_t orphans = 0; ///< transactions that arrived after their connection was lost
};

/// One seed's run.
class simulation {
public:
  simulation(caf::actor_system& system, caf::scheduler::test_coordinator& scheduler,
             std::uint64_t seed, bool trace)
    : chance_(seed),
      trace_(trace),
      cluster_(system, scheduler, chance_, [this](const std::string& what) { broken(what); }),
      clients_(system, cluster_, chance_, [this](const std::string& what) { broken(what); }) {}

  /// What did not hold, if anything.
  std::optional<std::string> run(totals& sum) {
    for (std::int32_t s = 0; s < shard_count; ++s) cluster_.place(chance_.below(node_count), s);
    clients_.retry_all();
    for (int i = 0; i < steps_per_seed && !broken_; ++i) {
      step();
      check_owners();
    }
    if (!broken_) calm_down();
    add_to(sum);
    return broken_;
  }

private:
  void broken(const std::string& what) {
    if (broken_) return;
    broken_ = what;
    note("broken: " + what);
  }

  void note(const std::string& what) const {
    if (trace_) std::cout << step_ << ' ' << what << '\n';
  }

  void step() {
    ++step_;
    const auto n = chance_.below(node_count);
    const auto s = static_cast<std::int32_t>(chance_.below(shard_count));
    auto& node = cluster_.node(n);
    const auto who = std::to_string(n);
    const bool awake = node.running && !node.paused;
    const auto luck = chance_.below(1000);
    if (luck < 430) {
      cluster_.run_one();
    } else if (luck < 630) {
      if (awake) node.lane.step(chance_, true);
    } else if (luck < 740) {
      if (awake) node.reader.step(chance_, true);
    } else if (luck < 760) {
      // A paused node's transaction arrives all the same.
      if (node.running && node.lane.sent()) node.lane.reach_database();
    } else if (luck < 775) {
      run_orphan();
    } else if (luck < 850) {
      clients_.ask_something();
    } else if (luck < 895) {
      clients_.retry_something();
    } else if (luck < 935) {
      cluster_.place(n, s);
    } else if (luck < 945) {
      if (awake && node.state(s) != shard_state::unowned) {
        note("release at " + who);
        ++hand_offs_;
        caf::anon_send(node.shards[static_cast<std::size_t>(s)], release_shard{});
      }
    } else if (luck < 975) {
      pass_time();
    } else if (luck < 977) {
      if (node.running && (!node.paused || chance_.percent(30))) {
        note("crash of " + who);
        ++crashes_;
        cluster_.crash(n);
      }
    } else if (luck < 980) {
      if (awake) {
        note("pause of " + who);
        ++pauses_;
        node.paused = true;
      }
    } else if (luck < 987) {
      if (node.paused) note("resumption of " + who);
      node.paused = false;
    } else if (!node.running) {
      note("start of " + who);
      cluster_.start(n);
    }
  }

  void pass_time() {
    cluster_.advance(20 + static_cast<std::int64_t>(chance_.below(800)));
    for (std::size_t i = 0; i < node_count; ++i)
      if (chance_.percent(85)) cluster_.renew(i);
    const bool dead_before = any_declared_dead();
    if (chance_.percent(50)) cluster_.declare_dead_who_is();
    if (!dead_before && any_declared_dead()) {
      ++deaths_;
      note("a node is declared dead");
    }
  }

  bool any_declared_dead() const {
    return std::ranges::any_of(cluster_.nodes, [](const auto& n) { return n->declared_dead; });
  }

  void run_orphan() {
    auto& orphans = cluster_.database.orphans;
    if (orphans.empty()) return;
    auto late = std::move(orphans.back());
    orphans.pop_back();
    cluster_.database.execute(late);
    ++orphans_;
    note("a late transaction arrives");
  }

  void check_owners() {
    for (std::int32_t s = 0; s < shard_count; ++s)
      if (std::ranges::count_if(cluster_.nodes, [s](const auto& n) { return n->would_tell(s); }) >
          1)
        broken("two nodes would answer from memory for shard " + std::to_string(s));
    for (std::int32_t s = 0; s < shard_count; ++s) {
      const auto epoch = cluster_.database.fence_of({family::player, s}).epoch;
      auto& seen = epochs_[static_cast<std::size_t>(s)];
      if (epoch < seen) broken("an epoch went back");
      seen = epoch;
    }
  }

  /// Without faults everything comes to its end.
  void calm_down() {
    note("no faults from now on");
    while (!cluster_.database.orphans.empty()) run_orphan();
    for (std::size_t i = 0; i < node_count; ++i) {
      auto& node = cluster_.node(i);
      node.paused = false;
      if (node.running && node.declared_dead) cluster_.crash(i); // it ends by itself
      if (!cluster_.node(i).running) cluster_.start(i);
    }
    for (int round = 0; round < calm_rounds && !broken_; ++round) {
      settle();
      if (clients_.unanswered() == 0 && all_active() && cluster_.database.tables.jobs.empty())
        return finish();
      for (std::int32_t s = 0; s < shard_count; ++s)
        if (!owned(s)) cluster_.place(static_cast<std::size_t>(round) % node_count, s);
      clients_.retry_all();
      cluster_.advance(100);
      for (std::size_t i = 0; i < node_count; ++i) cluster_.renew(i);
    }
    if (!broken_) broken("not everything came to its end without faults: " + standing());
  }

  /// Where everything stands, for whoever reads a failure.
  std::string standing() const {
    std::string text = std::to_string(clients_.unanswered()) + " commands without an answer, " +
                       std::to_string(cluster_.database.tables.jobs.size()) + " jobs";
    for (std::int32_t s = 0; s < shard_count; ++s)
      for (std::size_t i = 0; i < node_count; ++i)
        text += ", shard " + std::to_string(s) + " at " + std::to_string(i) + " " +
                std::string{to_string(cluster_.nodes[i]->state(s))};
    return text;
  }

  /// Until nothing moves without time.
  void settle() {
    for (bool moved = true; moved && !broken_;) {
      moved = cluster_.run_one();
      for (auto& n : cluster_.nodes) {
        if (!n->lane.idle()) n->lane.step(chance_, false), moved = true;
        if (!n->reader.idle()) n->reader.step(chance_, false), moved = true;
      }
      check_owners();
    }
  }

  bool owned(std::int32_t s) const {
    return std::ranges::any_of(cluster_.nodes, [s](const auto& n) { return n->would_tell(s); });
  }
  bool all_active() const {
    for (std::int32_t s = 0; s < shard_count; ++s)
      if (std::ranges::none_of(cluster_.nodes, [s](const auto& n) {
            return n->state(s) == shard_state::active && n->lease->valid();
          }))
        return false;
    return true;
  }

  void finish() {
    clients_.read_everything();
    settle();
    clients_.check_final_state();
    for (const auto& n : cluster_.nodes)
      if (n->storage.writer_credits->taken() != 0 || n->storage.reader_credits->taken() != 0)
        broken("credits were not given back");
  }

  void add_to(totals& sum) const {
    sum.commands += clients_.commands();
    sum.clients.acknowledged += clients_.counts.acknowledged;
    sum.clients.replayed += clients_.counts.replayed;
    sum.clients.refused += clients_.counts.refused;
    sum.clients.reads += clients_.counts.reads;
    sum.clients.retries += clients_.counts.retries;
    sum.stale_refused += cluster_.database.stale_refused;
    sum.crashes += crashes_;
    sum.pauses += pauses_;
    sum.deaths += deaths_;
    sum.hand_offs += hand_offs_;
    sum.orphans += orphans_;
    for (const auto& n : cluster_.nodes) {
      sum.doubts += n->lane.doubts;
      sum.retaken += n->lane.retaken;
    }
  }

  dice chance_;
  bool trace_;
  std::optional<std::string> broken_;
  int step_ = 0;
  std::array<std::int64_t, shard_count> epochs_{};
  std::uint64_t crashes_ = 0;
  std::uint64_t pauses_ = 0;
  std::uint64_t deaths_ = 0;
  std::uint64_t hand_offs_ = 0;
  std::uint64_t orphans_ = 0;
  simulated_cluster cluster_;
  simulated_clients clients_;
};

std::optional<std::uint64_t> wanted_seed() {
  const char* text = std::getenv("TROUPE_SIMULATION_SEED");
  if (!text) return std::nullopt;
  const std::string_view digits{text};
  std::uint64_t seed = 0;
  const auto [end, error] = std::from_chars(digits.begin(), digits.end(), seed);
  if (error != std::errc{} || end != digits.end())
    CAF_FAIL("TROUPE_SIMULATION_SEED is no number: " << digits);
  return seed;
}

} // namespace

CAF_TEST_FIXTURE_SCOPE(simulation_tests, test_coordinator_fixture<>)

CAF_TEST(whatever happens to nodes and database keeps its promises) {
  const auto wanted = wanted_seed();
  const auto first = wanted.value_or(1);
  const auto last = wanted.value_or(seeds_per_run);
  totals sum;
  for (auto seed = first; seed <= last; ++seed)
    if (auto broken = simulation{sys, sched, seed, wanted.has_value()}.run(sum))
      CAF_FAIL("TROUPE_SIMULATION_SEED=" << seed << ": " << *broken);
  std::cout << "commands " << sum.commands << ", acknowledged " << sum.clients.acknowledged
            << ", replayed " << sum.clients.replayed << ", refused " << sum.clients.refused
            << ", retries " << sum.clients.retries << ", reads " << sum.clients.reads << ", doubts "
            << sum.doubts << ", acquired twice " << sum.retaken << ", stale writes refused "
            << sum.stale_refused << ", crashes " << sum.crashes << ", pauses " << sum.pauses
            << ", declared dead " << sum.deaths << ", hand-offs " << sum.hand_offs
            << ", late transactions " << sum.orphans << '\n';
  if (wanted) return;
  // An empty run proves nothing: on the average of all seeds each of these has happened.
  CAF_CHECK_GREATER(sum.clients.acknowledged, 5 * seeds_per_run);
  CAF_CHECK_GREATER(sum.clients.reads, 5 * seeds_per_run);
  CAF_CHECK_GREATER(sum.clients.replayed, seeds_per_run / 10);
  CAF_CHECK_GREATER(sum.doubts, seeds_per_run / 2);
  CAF_CHECK_GREATER(sum.stale_refused, seeds_per_run / 100);
  CAF_CHECK_GREATER(sum.crashes, seeds_per_run / 2);
  CAF_CHECK_GREATER(sum.pauses, seeds_per_run / 2);
  CAF_CHECK_GREATER(sum.deaths, seeds_per_run / 20);
  CAF_CHECK_GREATER(sum.hand_offs, seeds_per_run);
  CAF_CHECK_GREATER(sum.orphans, seeds_per_run / 20);
}

CAF_TEST_FIXTURE_SCOPE_END()
