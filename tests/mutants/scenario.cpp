#include <algorithm>
#include <chrono>
#include <cstdio>
#include <exception>
#include <format>
#include <future>
#include <initializer_list>
#include <iterator>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "app/drill/checker.hpp"
#include "persistence/evidence.hpp"
#include "tests/persistence/postgres/fault_proxy.hpp"
#include "tests/persistence/postgres/test_lane.hpp"

// Real writer lanes on a real Postgres, with faults at fixed points, and the history that their clients
// see, given to the checker of drills. Exit code 0: nothing found; 3: found what it prints; 1: it could not
// be carried out. Everything that decides about the outcome happens in one order only.

using namespace troupe;
using namespace troupe::test;
using namespace std::chrono_literals;
using drill::action;
using drill::ending;
using drill::operation;
using drill::violations;
using at_commit = fault_proxy::at_commit;

namespace {

/// Two for each act, mostly: the first one's shard is what it is about, the second one's requests share
/// batches with the first one's. Player n has shard n for itself.
constexpr std::size_t player_count = 12;
constexpr std::size_t game_count = 2;
constexpr std::string_view created = "created"; // the answers that the ledger keeps
constexpr std::string_view existed = "existed";
constexpr std::string_view removed = "removed";

shard_ref shard_of(std::size_t player) { return player_shard(static_cast<std::int32_t>(player)); }

using numbers = std::vector<std::size_t>; ///< of operations in the history

/// The database, its players and games, and what clients asked for and were told.
struct world {
  world() {
    for (std::size_t i = 0; i < player_count; ++i) players.push_back(make_uuid_v7());
    for (std::size_t i = 0; i < game_count; ++i) games.push_back(make_uuid_v7());
  }

  std::size_t send(action what, std::size_t player, std::size_t game, std::string key) {
    history.push_back({.what = what,
                       .player = player,
                       .game = game,
                       .key = std::move(key),
                       .began = drill::clock::now()});
    ids.push_back(make_uuid_v7());
    return history.size() - 1;
  }
  std::size_t put(std::size_t player, std::size_t game, std::string key) {
    return send(action::put_game, player, game, std::move(key));
  }
  std::size_t remove(std::size_t player, std::size_t game, std::string key) {
    return send(action::remove_game, player, game, std::move(key));
  }

  void answer(std::size_t number, std::string_view result) {
    auto& one = history[number];
    one.end = ending::ok;
    one.created = result == created;
    one.status = result == created ? 201 : result == existed ? 200 : 204;
    one.ended = drill::clock::now();
  }

  void lose_answer(std::size_t number) {
    history[number].end = ending::unknown;
    history[number].status = 0;
  }

  violations judge() const;

  test_database database;
  std::vector<uuid> players;
  std::vector<uuid> games;
  std::vector<operation> history;
  std::vector<uuid> ids; ///< operation ids, by number
};

violations judged(std::string_view check, const violations& found) {
  violations lines;
  for (const auto& one : found) lines.push_back(std::format("{}: {}", check, one));
  return lines;
}

template <class T>
T needed(result<T> value) {
  if (!value) throw std::runtime_error{value.error().detail};
  return std::move(*value);
}

violations world::judge() const {
  const std::vector databases{database.address()};
  std::map<uuid, std::string> key_of;
  for (std::size_t i = 0; i < history.size(); ++i)
    if (!history[i].key.empty()) key_of[ids[i]] = history[i].key;
  std::map<std::string, std::uint64_t> by_key;
  for (const auto& [id, count] : needed(count_operations(databases, ids)))
    by_key[key_of.at(id)] = count;

  violations found;
  const auto add = [&](violations more) { std::ranges::move(more, std::back_inserter(found)); };
  add(judged("libraries", drill::check_libraries(history, player_count, game_count)));
  add(judged("ledger", drill::check_ledger(history, by_key)));
  add(judged("counters", needed(wrong_counters(databases))));
  return found;
}

/// A node's lane with what its shard actors remember of the libraries. Once it has a shard, it decides by
/// its memory.
class owner {
public:
  owner(world& w, const std::string& dsn, database_limits limits = test_lane::quick_limits())
    : world_(w), lane_(dsn, limits), memory_(player_count, std::vector<bool>(game_count)) {}
  explicit owner(world& w) : owner(w, w.database.dsn()) {}

  /// Takes the players' shards from whoever has them, and loads.
  void take(std::initializer_list<std::size_t> of) {
    for (auto player : of) {
      // An old owner that is in doubt about a commit may raise the epoch between look and attempt.
      auto& epoch = epochs_[player];
      for (int attempt = 0; attempt < 10 && epoch == 0; ++attempt)
        epoch = lane_.acquire(
          shard_of(player),
          world_.database.number(std::format(
            "select epoch from troupe.shard_fence where family = 'player' and shard_id = {}",
            player)));
      if (epoch == 0) throw std::runtime_error{"a shard could not be taken"};
      load(player);
    }
  }

  void submit(const numbers& operations) {
    for (auto number : operations) tickets_[number] = lane_.write(unit_for(number));
  }

  void run() { lane_.run(); }

  /// Until the batch is written or its commit is in doubt.
  void run_into_doubt() {
    while (!lane_.writer().idle() && lane_.counted("troupe_writer_ambiguous_commits_total") == 0)
      lane_.step();
  }

  /// Answers the clients whose operations are settled. Gives the others.
  numbers answer(const numbers& operations) {
    numbers others;
    for (auto number : operations)
      if (const auto* receipt = lane_.receipt(tickets_.at(number));
          receipt == nullptr || !answer(number, *receipt))
        others.push_back(number);
    return others;
  }

  numbers serve(const numbers& operations) {
    submit(operations);
    run();
    return answer(operations);
  }

  /// Clients, or other nodes for them, send what another owner did not answer.
  void serve_again(const numbers& operations) {
    for (auto number : operations) world_.history[number].second_attempt = true;
    if (!serve(operations).empty()) throw std::runtime_error{"a second attempt was not answered"};
  }

  /// A client reads a library.
  void read(std::size_t player) {
    const auto number = world_.send(action::read_library, player, 0, {});
    auto& one = world_.history[number];
    one.end = ending::ok;
    one.status = 200;
    one.library = memory_[player];
    one.ended = drill::clock::now();
  }

private:
  write_unit unit_for(std::size_t number) {
    const auto& one = world_.history[number];
    const bool there = memory_[one.player][one.game];
    const bool puts = one.what == action::put_game;
    write_unit unit{.shard = shard_of(one.player),
                    .epoch = epochs_.at(one.player),
                    .op_id = world_.ids[number],
                    .result = std::string{!puts   ? removed
                                          : there ? existed
                                                  : created}};
    unit.request_hash.fill(7);
    results_[number] = unit.result;
    if (puts == there) return unit; // nothing to change
    const auto& player = world_.players[one.player];
    const auto& game = world_.games[one.game];
    if (puts)
      unit.rows.emplace_back(put_library_entry{player, {game, timestamp{1'700'000'000'123}}});
    else
      unit.rows.emplace_back(delete_library_entry{player, game});
    unit.rows.emplace_back(add_to_counter{game, puts ? 1 : -1});
    return unit;
  }

  bool answer(std::size_t number, const write_receipt& receipt) {
    const auto& one = world_.history[number];
    switch (receipt.status) {
      case write_status::committed:
        if (receipt.doubtful)
          load(one.player);
        else
          memory_[one.player][one.game] = one.what == action::put_game;
        world_.answer(number, results_.at(number));
        return true;
      case write_status::duplicate: world_.answer(number, receipt.stored.result); return true;
      case write_status::fenced:
      case write_status::refused: return false;
    }
    return false;
  }

  void load(std::size_t player) {
    const auto rows = world_.database.query(std::format(
      "select game_id::text from troupe.player_game where shard_id = {} and player_id = '{}'",
      player, to_string(world_.players[player])));
    memory_[player].assign(game_count, false);
    for (const auto& row : rows)
      for (std::size_t game = 0; game < game_count; ++game)
        if (row[0].as<std::string>() == to_string(world_.games[game])) memory_[player][game] = true;
  }

  world& world_;
  test_lane lane_;
  std::map<std::size_t, std::int64_t> epochs_;   ///< by player
  std::map<std::size_t, std::uint64_t> tickets_; ///< by operation
  std::map<std::size_t, std::string> results_;   ///< by operation
  std::vector<std::vector<bool>> memory_;        ///< by player and game
};

/// An owner goes on writing what it remembers after another has taken one of its shards.
void owner_that_slept(world& w) {
  owner old{w};
  old.take({0, 1});
  old.serve({w.put(0, 0, "first"), w.put(1, 0, "beside first")});
  owner heir{w};
  heir.take({0});
  heir.serve({w.remove(0, 0, "by heir"), w.put(0, 1, "by heir, too")});
  heir.serve_again(old.serve({w.put(0, 1, "sleeper"), w.put(1, 1, "beside sleeper")}));
  heir.read(0);
  old.read(1);
}

/// A shard is taken in the middle of its old owner's transaction.
void take_over_in_transaction(world& w, std::size_t player, bool patient) {
  auto limits = test_lane::quick_limits();
  if (patient) limits.takeover_wait = 5s;
  fault_proxy proxy{w.database.port()};
  owner old{w, w.database.dsn_through(proxy.port())};
  old.take({player, player + 1});
  owner heir{w, w.database.dsn(), limits};

  proxy.next_commit(at_commit::hold);
  const auto key = std::format("in flight {}", player);
  const numbers in_flight{w.put(player, 0, key), w.put(player + 1, 0, "beside " + key)};
  old.submit(in_flight);
  auto writing = std::async(std::launch::async, [&] { old.run(); });
  if (!proxy.wait_for_commit()) throw std::runtime_error{"no commit came"};
  auto taking = std::async(std::launch::async, [&] { heir.take({player}); });
  // A patient heir waits for the lock until the commit is let through; without the lock it has the shard
  // at once. An impatient one ends the transaction.
  auto look = w.database.connect();
  const auto deadline = std::chrono::steady_clock::now() + 10s;
  const auto waits = [&] {
    return pqxx::nontransaction{look}.query_value<bool>(
      test_placement() == database_placement::citus
        ? "select exists (select from citus_lock_waits)"
        : "select exists (select from pg_stat_activity"
          " where datname = current_database() and wait_event_type = 'Lock')");
  };
  while (taking.wait_for(5ms) != std::future_status::ready && !(patient && waits()))
    if (std::chrono::steady_clock::now() > deadline)
      throw std::runtime_error{"the heir neither waits nor has the shard"};
  if (taking.wait_for(0s) == std::future_status::ready) heir.read(player);
  proxy.resume();
  writing.get();
  taking.get();
  heir.serve_again(old.answer(in_flight));
  heir.read(player);
  old.read(player + 1);
}

/// An answer does not reach the client, which asks the same owner again.
void answer_lost_on_the_way(world& w) {
  owner one{w};
  one.take({7});
  one.read(7);
  const auto unheard = w.put(7, 0, "unheard");
  one.serve({unheard});
  w.lose_answer(unheard);
  one.serve_again({unheard});
  one.read(7);
}

/// A commit is done, but the owner dies before it hears of it. The client asks again when another one has
/// changed the same.
void answer_lost_with_the_owner(world& w) {
  fault_proxy proxy{w.database.port()};
  std::optional<owner> old{std::in_place, w, w.database.dsn_through(proxy.port())};
  old->take({6});
  proxy.next_commit(at_commit::commit_then_cut);
  const auto lost = w.put(6, 0, "lost");
  old->submit({lost});
  old->run_into_doubt();
  old.reset();

  owner heir{w};
  heir.take({6});
  heir.read(6);
  heir.serve({w.remove(6, 0, "in between")});
  heir.read(6);
  heir.serve_again({lost});
  heir.read(6);
}

/// The owner and its connection die right at the commit, which never happens. One client asks again.
void killed_at_commit(world& w) {
  fault_proxy proxy{w.database.port()};
  std::optional<owner> old{std::in_place, w, w.database.dsn_through(proxy.port())};
  old->take({8, 9});
  proxy.next_commit(at_commit::cut);
  const numbers killed{w.put(8, 0, "killed"), w.put(9, 0, "beside killed")};
  old->submit(killed);
  old->run_into_doubt();
  const auto unanswered = old->answer(killed);
  old.reset();

  owner heir{w};
  heir.take({8, 9});
  heir.read(8);
  if (std::ranges::contains(unanswered, killed[1])) heir.serve_again({killed[1]});
  heir.read(9);
}

/// The connection is lost at the commit, before it or after it, and the owner lives on.
void commit_in_doubt(world& w) {
  fault_proxy proxy{w.database.port()};
  owner one{w, w.database.dsn_through(proxy.port())};
  one.take({10, 11});
  proxy.next_commit(at_commit::cut);
  one.serve({w.put(10, 0, "doubt"), w.put(11, 0, "beside doubt")});
  proxy.next_commit(at_commit::commit_then_cut);
  one.serve({w.remove(10, 0, "doubt again"), w.put(11, 1, "beside doubt again")});
  one.read(10);
  one.read(11);
}

/// What is in the database in the end counts as read by one more client.
void read_everything(world& w) {
  owner last{w};
  for (std::size_t player = 0; player < player_count; ++player) {
    last.take({player});
    last.read(player);
  }
}

} // namespace

int main() try {
  world w;
  owner_that_slept(w);
  take_over_in_transaction(w, 2, true);
  take_over_in_transaction(w, 4, false);
  answer_lost_on_the_way(w);
  answer_lost_with_the_owner(w);
  killed_at_commit(w);
  commit_in_doubt(w);
  read_everything(w);
  const auto found = w.judge();
  for (const auto& one : found) std::puts(one.c_str());
  std::printf("%zu operations, %zu findings\n", w.history.size(), found.size());
  return found.empty() ? 0 : 3;
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
