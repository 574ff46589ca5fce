#include "app/drill/drill.hpp"

#include <sys/types.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <format>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <thread>

#include "app/drill/checker.hpp"
#include "app/drill/cluster_watch.hpp"
#include "app/drill/process_memory.hpp"
#include "app/http/http_client.hpp"
#include "base/stable_hash.hpp"
#include "gateway/keys.hpp"
#include "persistence/evidence.hpp"

namespace troupe::drill {

namespace {

using namespace std::chrono_literals;

constexpr auto ready_limit = 15s; ///< shards may still move
constexpr auto mend_limit = 60s;
constexpr std::size_t least_of_each = 3;
constexpr std::size_t shown_violations = 3;
/// After that a line of a node's log is in its file.
constexpr auto log_delay = 1'500ms;

/// Of the goals of the cluster.
constexpr auto take_over_limit = 4'000ms;
constexpr auto database_back_limit = 3'000ms;
constexpr auto healed_limit = 10'000ms;
constexpr auto cut_time = 5s;
constexpr auto deaf_time = 60s;
/// Buffers that have a bound may still fill.
constexpr std::uint64_t memory_growth_kib = 16 * 1024;
constexpr auto p99_limit = 1'000ms;

/// As in the nodes' logs, on the same machine.
timestamp wall_clock() {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  return {std::chrono::duration_cast<std::chrono::milliseconds>(since).count()};
}

double seconds(clock::duration time) { return std::chrono::duration<double>(time).count(); }

std::string in_seconds(clock::duration time) { return std::format("{:.2f} s", seconds(time)); }

/// One run: the cluster, the load on it, and what is found.
class run {
public:
  run(const cluster_file& cluster, const drill_settings& settings)
    : cluster_(cluster), settings_(settings), watch_(cluster_), load_(cluster_, settings.load) {}

  result<report> carry_out(std::string_view name);

private:
  using step = result<void> (run::*)();
  static step find(std::string_view name);

  result<void> baseline() { return {}; }
  result<void> kill();
  result<void> pause();
  result<void> rolling();
  result<void> drain();
  result<void> restart_database();
  result<void> flush_redis();
  result<void> move_shards();
  result<void> cut_links() { return cut("links"); }
  result<void> cut_links_one_way() { return cut("links-one-way"); }
  result<void> cut_database() { return cut("database"); }
  result<void> cut_database_answers() { return cut("database-answers"); }
  result<void> deaf_peers();
  result<void> cut(
    const std::string& what,
    std::function<void()> during = [] { std::this_thread::sleep_for(cut_time); });

  void say(std::string_view text) const {
    if (settings_.say) settings_.say(text);
  }
  void expect(std::string name, bool holds, std::string detail) {
    found_.invariants.push_back({std::move(name), holds, std::move(detail)});
  }
  void measure(std::string name, std::string value) {
    found_.measured.emplace_back(std::move(name), std::move(value));
  }
  void note(std::string name, const violations& wrong, std::string_view good);

  std::size_t victim() const { return cluster_.nodes.size() - 1; }
  result<int> signal_victim(int number);
  result<void> restart(std::size_t node);
  result<void> wait_until_well();
  void expect_taken_over();
  bool write_everywhere(std::chrono::milliseconds limit);

  void judge(const std::vector<operation>& history, std::string_view name);
  result<void> check_evidence(const std::vector<operation>& history);
  bool was_affected(const operation& one) const;

  const cluster_file cluster_;
  const drill_settings& settings_;
  cluster_watch watch_;
  load load_;
  report found_;
  std::vector<standstill> stopped_;
  std::set<std::string> affected_; ///< shards that the fault may keep from answering for a while
  std::size_t player_shards_ = 0;
  timestamp began_;
  std::set<std::string> live_; ///< incarnations that ran when the drill began
  clock::time_point fault_began_;
};

// -- faults -----------------------------------------------------------------------------------------

result<int> run::signal_victim(int number) {
  const auto& node = cluster_.nodes[victim()];
  const int pid = pid_of(node);
  if (!cluster_watch::runs(pid))
    return fail(errc::not_found, "node " + node.name + " does not run");
  if (number == SIGKILL || number == SIGSTOP) {
    auto shards = watch_.shards_of(victim());
    if (!shards) return std::unexpected(shards.error());
    affected_ = shards->active;
    // Before the signal: from then on it cannot have answered.
    stopped_.push_back({wall_clock(), shards->incarnation});
  }
  if (::kill(pid, number) != 0) return fail(errc::internal, "cannot signal node " + node.name);
  return pid;
}

result<void> run::restart(std::size_t node) {
  auto words = cluster_.commands.restart_node;
  if (words.empty())
    return fail(errc::not_found, "the cluster's file does not say how to restart a node");
  words.push_back(std::to_string(node + 1));
  if (run_command(std::move(words)) != 0)
    return fail(errc::internal, "node " + cluster_.nodes[node].name + " could not be restarted");
  return {};
}

result<void> run::wait_until_well() {
  if (!wait_for(mend_limit, [this] { return watch_.well(); }))
    return fail(errc::timed_out, "the cluster is not well again after a minute");
  return {};
}

void run::expect_taken_over() {
  const bool taken = wait_for(30s, [this] { return watch_.all_served(victim()); });
  const auto took = clock::now() - fault_began_;
  measure("until the others served every shard", in_seconds(took));
  expect("the node's shards serve again within 4 s", taken && took <= take_over_limit,
         std::format("{} shards, {}", affected_.size(), in_seconds(took)));
}

result<void> run::kill() {
  say("killing node " + cluster_.nodes[victim()].name);
  if (auto done = signal_victim(SIGKILL); !done) return std::unexpected(done.error());
  expect_taken_over();
  std::this_thread::sleep_for(settings_.quiet);
  return restart(victim());
}

result<void> run::pause() {
  say(std::format("node {} sleeps for {}", cluster_.nodes[victim()].name, settings_.sleep));
  auto pid = signal_victim(SIGSTOP);
  if (!pid) return std::unexpected(pid.error());
  expect_taken_over();
  std::this_thread::sleep_until(fault_began_ + settings_.sleep);
  if (::kill(*pid, SIGCONT) != 0) return fail(errc::internal, "the node cannot be woken");
  say("it runs again");
  const auto woken = clock::now();
  const bool ended = wait_for(15s, [&] { return !cluster_watch::runs(*pid); });
  measure("from waking to its end", in_seconds(clock::now() - woken));
  expect("a node that was declared dead ends by itself", ended, ended ? "it did" : "it still runs");
  return restart(victim());
}

result<void> run::rolling() {
  for (std::size_t node = 0; node < cluster_.nodes.size(); ++node) {
    say("replacing node " + cluster_.nodes[node].name);
    const auto began = clock::now();
    if (auto done = restart(node); !done) return done;
    measure("replacing " + cluster_.nodes[node].name, in_seconds(clock::now() - began));
    if (auto well = wait_until_well(); !well) return well;
  }
  return {};
}

result<void> run::drain() {
  const auto& node = cluster_.nodes[victim()];
  say("draining node " + node.name);
  const int pid = pid_of(node);
  auto client = http_client::make(node.admin_url);
  if (!client) return std::unexpected(client.error());
  auto asked = client->send({.method = http_client::verb::post, .target = "/drain"}, 5'000ms);
  if (!asked || asked->status != 202) return fail(errc::internal, "POST /drain was refused");
  const bool ended = wait_for(30s, [&] { return !cluster_watch::runs(pid); });
  const auto took = clock::now() - fault_began_;
  measure("until the node had ended", in_seconds(took));
  expect("a node that drains ends within 30 s", ended, in_seconds(took));
  return restart(victim());
}

/// Whether every player's shard takes a write within the limit.
bool run::write_everywhere(std::chrono::milliseconds limit) {
  auto client = http_client::make(cluster_.nodes.front().url);
  if (!client) return false;
  return wait_for(limit, [&] {
    return std::ranges::all_of(load_.players(), [&](const drill_player& player) {
      // A write: a read could be answered from memory.
      auto answer = client->send({.method = http_client::verb::put,
                                  .target = "/v1/players/me/games/" + to_string(load_.spare_game()),
                                  .token = player.token,
                                  .key = to_string(make_uuid_v7())},
                                 limit);
      return answer && answer->status >= 200 && answer->status < 300;
    });
  });
}

result<void> run::restart_database() {
  const auto& database = cluster_.databases.back().name;
  auto words = cluster_.commands.restart_database;
  if (words.empty())
    return fail(errc::not_found, "the cluster's file does not say how to restart a database");
  words.push_back(database);
  say("restarting database " + database + " in immediate mode");
  const auto before = load_.done();
  if (run_command(std::move(words)) != 0)
    return fail(errc::internal, "database " + database + " could not be restarted");
  const auto back = clock::now();
  const bool serves = write_everywhere(10s) && load_.done() > before;
  const auto took = clock::now() - back;
  measure("from the database's return to every shard's", in_seconds(took));
  expect("every shard serves within 3 s of the database", serves && took <= database_back_limit,
         in_seconds(took));
  return {};
}

result<void> run::flush_redis() {
  say("emptying Redis");
  if (run_command(cluster_.commands.flush_redis) != 0)
    return fail(errc::internal, "Redis could not be emptied");
  return {};
}

result<void> run::move_shards() {
  say("moving a quarter of the shards to a new database, and back");
  if (cluster_.commands.move_shards.empty())
    return fail(errc::not_found, "the cluster's file does not say how to move shards");
  if (run_command(cluster_.commands.move_shards) != 0)
    return fail(errc::internal, "the shards could not be moved");
  measure("both ways", in_seconds(clock::now() - fault_began_));
  return {};
}

result<void> run::cut(const std::string& what, std::function<void()> during) {
  auto cutting = cluster_.commands.cut;
  auto healing = cluster_.commands.heal;
  if (cutting.empty() || healing.empty())
    return fail(errc::precondition_failed,
                "nothing stands between nodes and databases that could be cut: ./dev up --nodes 3 "
                "--relays --detach");
  cutting.push_back(what);
  healing.push_back(what);
  say("cutting the network: " + what);
  if (run_command(std::move(cutting)) != 0) return fail(errc::internal, "the cut failed");
  during();
  const auto done = load_.done();
  if (run_command(std::move(healing)) != 0) return fail(errc::internal, "the cut is not healed");
  const auto healed = clock::now();
  const bool serves = write_everywhere(20s) && load_.done() > done;
  const auto took = clock::now() - healed;
  measure("from healing until every shard served through the first node", in_seconds(took));
  expect("every shard serves within 10 s of healing", serves && took <= healed_limit,
         in_seconds(took));
  return {};
}

/// Queues that grew with what nobody reads would show in the memory.
result<void> run::deaf_peers() {
  const auto memory = [this] {
    std::uint64_t most = 0;
    for (const auto& node : cluster_.nodes) most = std::max(most, resident_kib(pid_of(node)));
    return most;
  };
  std::uint64_t early = 0;
  std::uint64_t late = 0;
  auto done = cut("links", [&] {
    const auto began = clock::now();
    while (clock::now() - began < deaf_time) {
      std::this_thread::sleep_for(1s);
      auto& peak = clock::now() - began < deaf_time / 6 ? early : late;
      peak = std::max(peak, memory());
    }
  });
  if (!done) return done;
  measure("largest node, the first 10 s and after",
          std::format("{:.1f}, {:.1f} MiB", static_cast<double>(early) / 1024,
                      static_cast<double>(late) / 1024));
  expect("memory stays flat while nobody reads", early > 0 && late < early + memory_growth_kib,
         std::format("{} KiB more than in the first 10 s", late > early ? late - early : 0));
  return {};
}

// -- judgement --------------------------------------------------------------------------------------

void run::note(std::string name, const violations& wrong, std::string_view good) {
  std::string detail{good};
  if (!wrong.empty()) {
    detail = std::to_string(wrong.size()) + ": ";
    for (std::size_t i = 0; i < std::min(wrong.size(), shown_violations); ++i)
      detail += (i > 0 ? "; " : "") + wrong[i];
  }
  expect(std::move(name), wrong.empty(), std::move(detail));
}

bool run::was_affected(const operation& one) const {
  if (affected_.empty()) return false;
  if (one.what == action::sign_up) return true; // names and accounts are on shards of their own
  const auto& player = load_.players()[one.player];
  return affected_.contains(
    "player/" + std::to_string(shard_of(player.id, static_cast<std::uint32_t>(player_shards_))));
}

void run::judge(const std::vector<operation>& history, std::string_view name) {
  std::vector<double> latencies;
  std::size_t failed = 0;
  std::size_t failed_elsewhere = 0;
  std::size_t second = 0;
  std::map<std::string, std::size_t> kinds;
  for (const auto& one : history) {
    second += one.second_attempt;
    if (one.end == ending::ok) {
      latencies.push_back(seconds(one.ended - one.began));
      continue;
    }
    ++failed;
    failed_elsewhere += !was_affected(one);
    ++kinds[one.status == 0 ? "no answer" : std::to_string(one.status)];
  }
  std::string failures;
  for (const auto& [kind, count] : kinds)
    failures += std::format("{}{} {}", failures.empty() ? "" : ", ", count, kind);
  std::ranges::sort(latencies);
  const auto quantile = [&](double share) {
    return latencies.empty() ? 0.0
                             : latencies[static_cast<std::size_t>(
                                 static_cast<double>(latencies.size() - 1) * share)];
  };
  measure("requests", std::to_string(history.size()));
  measure("failed", std::to_string(failed) + (failures.empty() ? "" : " (" + failures + ")"));
  measure("given to another gateway", std::to_string(second));
  measure("latency p50, p99, max", std::format("{:.1f}, {:.1f}, {:.1f} ms", quantile(0.5) * 1e3,
                                               quantile(0.99) * 1e3, quantile(1) * 1e3));
  if (name == "kill" || name == "pause")
    expect("no request for another shard fails", failed_elsewhere == 0,
           std::format("{} failed, {} of them for other shards", failed, failed_elsewhere));
  else if (name != "database-restart" && !name.starts_with("cut-") && name != "deaf-peers")
    expect("no request fails", failed == 0, failures.empty() ? "none" : failures);
  if (name == "rolling" || name == "drain" || name == "baseline")
    expect("p99 is below 1 s", quantile(0.99) < seconds(p99_limit),
           std::format("{:.0f} ms", quantile(0.99) * 1e3));
}

result<void> run::check_evidence(const std::vector<operation>& history) {
  std::vector<database_address> databases;
  for (const auto& one : cluster_.databases) databases.push_back({one.name, one.dsn, {}});

  const gateway::gateway_keys keys{"operation ids need no key"};
  std::vector<uuid> ids;
  std::vector<std::string> names;
  std::map<uuid, std::string> key_of;
  for (const auto& one : history) {
    if (one.what == action::sign_up) {
      names.push_back(one.name);
    } else if (!one.key.empty()) {
      ids.push_back(keys.operation_id(load_.players()[one.player].id, one.key));
      key_of[ids.back()] = one.key;
    }
  }
  auto operations = count_operations(databases, ids);
  if (!operations) return std::unexpected(operations.error());
  std::map<std::string, std::uint64_t> by_key;
  for (const auto& [id, count] : *operations) by_key[key_of.at(id)] = count;
  note("every acknowledged write is in the ledger once, others at most once",
       check_ledger(history, by_key), std::format("{} writes", ids.size()));

  auto accounts = count_players_named(databases, names);
  if (!accounts) return std::unexpected(accounts.error());
  note("every acknowledged sign-up made one account, others at most one",
       check_sign_ups(history, {accounts->begin(), accounts->end()}),
       std::format("{} sign-ups", names.size()));

  auto counters = wrong_counters(databases);
  if (!counters) return std::unexpected(counters.error());
  note("counters are what they count", *counters, "all of them");
  return {};
}

run::step run::find(std::string_view name) {
  const std::pair<std::string_view, step> steps[]{
    {"baseline", &run::baseline},
    {"kill", &run::kill},
    {"pause", &run::pause},
    {"rolling", &run::rolling},
    {"drain", &run::drain},
    {"database-restart", &run::restart_database},
    {"redis-flush", &run::flush_redis},
    {"shard-move", &run::move_shards},
    {"cut-links", &run::cut_links},
    {"cut-links-one-way", &run::cut_links_one_way},
    {"deaf-peers", &run::deaf_peers},
    {"cut-database", &run::cut_database},
    {"cut-database-answers", &run::cut_database_answers}};
  const auto found = std::ranges::find(steps, name, [](const auto& one) { return one.first; });
  return found == std::end(steps) ? nullptr : found->second;
}

result<report> run::carry_out(std::string_view name) {
  const auto inject = find(name);
  if (!inject) return fail(errc::not_found, std::format("there is no fault {}; see --list", name));
  if (name != "baseline" && name != "database-restart" && name != "redis-flush" &&
      cluster_.nodes.size() < 2)
    return fail(errc::precondition_failed,
                "this needs at least two nodes: ./dev up --nodes 3 --detach");
  if (!wait_for(ready_limit, [this] { return watch_.well(); }))
    return fail(errc::precondition_failed,
                "not every node of the cluster is ready, or some shard is not served");
  began_ = wall_clock();
  for (std::size_t node = 0; node < cluster_.nodes.size(); ++node)
    if (auto more = watch_.shards_of(node)) {
      live_.insert(more->incarnation);
      player_shards_ += static_cast<std::size_t>(std::ranges::count_if(
        more->active, [](const std::string& one) { return one.starts_with("player/"); }));
    }

  say(std::format("signing up {} players", settings_.load.players));
  if (auto prepared = load_.prepare(); !prepared) return std::unexpected(prepared.error());
  say(std::format("{} clients, {} requests a second", settings_.load.clients, settings_.load.rate));
  load_.start();
  std::this_thread::sleep_for(settings_.quiet);
  fault_began_ = clock::now();
  auto injected = (this->*inject)();
  auto well = injected ? wait_until_well() : result<void>{};
  if (injected && well) std::this_thread::sleep_for(settings_.quiet);
  say("checking");
  const auto history = load_.finish();
  if (!injected) return std::unexpected(injected.error());
  if (!well) return std::unexpected(well.error());

  judge(history, name);
  note("reads and writes of every library are linearizable",
       check_libraries(history, settings_.load.players, settings_.load.games),
       std::format("{} operations", history.size()));
  if (auto checked = check_evidence(history); !checked) return std::unexpected(checked.error());
  // Shards may still move: what one log has by now another one has a moment later.
  const auto until = wall_clock();
  std::this_thread::sleep_for(log_delay);
  auto transitions = watch_.transitions();
  if (!transitions) return std::unexpected(transitions.error());
  // Nodes that were killed before this drill are no part of it: their tenures have no end in the logs.
  std::erase_if(*transitions, [&](const transition& one) {
    return one.at > until || (one.at < began_ && !live_.contains(one.incarnation));
  });
  note("one owner at a time for every shard, epochs only grow",
       check_transitions(*transitions, stopped_),
       std::format("{} transitions", transitions->size()));
  note("enough was done to tell", check_counts(history, least_of_each), "yes");
  return std::move(found_);
}

} // namespace

bool report::passed() const { return std::ranges::all_of(invariants, &invariant::holds); }

std::span<const fault> all_faults() noexcept {
  static constexpr std::array faults{
    fault{"baseline", "no fault at all: what load and checks are like"},
    fault{"kill", "kill -9 of the last node; it is started again at the end"},
    fault{"pause", "the last node sleeps for longer than its lease, then goes on"},
    fault{"rolling", "every node in turn is ended by SIGTERM and started again"},
    fault{"drain", "POST /drain on the last node, which is then started again"},
    fault{"database-restart", "restart of the last database in immediate mode"},
    fault{"redis-flush", "Redis loses everything"},
    fault{"cut-links", "for 5 s no byte passes between nodes; needs ./dev up --relays"},
    fault{"cut-links-one-way", "for 5 s who dialed a link is not heard, but hears; the same"},
    fault{"deaf-peers",
          "for 60 s no node reads what others send it, and memory stays flat; the same"},
    fault{"cut-database", "for 5 s none between the last node and the last database; the same"},
    fault{"cut-database-answers", "for 5 s it hears the node, but its answers are lost; the same"},
    fault{"shard-move", "a quarter of the shards moves to a database that is added, and back"},
  };
  return faults;
}

result<report> run_drill(std::string_view fault_name, const cluster_file& cluster,
                         const drill_settings& settings) {
  return run{cluster, settings}.carry_out(fault_name);
}

} // namespace troupe::drill
