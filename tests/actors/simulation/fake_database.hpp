#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "actors/api/player.hpp"
#include "base/msgpack.hpp"
#include "tests/actors/memory_storage.hpp"

// The one database of the simulated cluster. It executes transactions as Postgres does, fence check and
// ledger included, and keeps what is needed to judge what clients and nodes were told.

namespace troupe::test {

/// What a client can tell of a player's state.
struct player_state {
  bool exists = false;
  std::int64_t version = 0;
  std::set<uuid> games;
};

/// What a simulated client asked for with an operation id.
enum class command_kind : std::uint8_t { create, change_password, register_game, unregister_game };

struct command_facts {
  command_kind kind = command_kind::create;
  uuid player;
  uuid game;
};

class fake_database {
public:
  struct fence {
    std::int64_t epoch = 0;
    std::optional<uuid> owner;
  };
  struct statement {
    std::shared_ptr<const write_unit> unit;
    std::int64_t epoch = 0; ///< what its lane believes to be in the fence
  };
  struct transaction {
    uuid owner;
    std::vector<statement> statements;
  };

  std::function<void(const std::string&)> broken; ///< told when an invariant does not hold
  memory_tables tables;
  std::map<uuid, command_facts> commands; ///< by operation id
  std::vector<transaction> orphans;       ///< whose connection was lost on the way
  std::uint64_t stale_refused = 0;

  /// A moment of its own for each event.
  std::uint64_t tick() noexcept { return ++tick_; }

  fence& fence_of(shard_ref shard) { return fences_[shard]; }

  std::vector<write_receipt> execute(const transaction& t) {
    std::vector<write_receipt> receipts;
    for (const auto& s : t.statements) receipts.push_back(execute(t.owner, s));
    return receipts;
  }

  /// The new epoch when the fence stood at `seen` or is the taker's own.
  std::optional<std::int64_t> acquire(shard_ref shard, std::int64_t seen, const uuid& taker) {
    auto& f = fences_[shard];
    if (f.epoch != seen && f.owner != taker) return std::nullopt;
    f.owner = taker;
    return ++f.epoch;
  }

  /// The new epoch when the fence still was the owner's.
  std::optional<std::int64_t> bump(shard_ref shard, std::int64_t epoch, const uuid& owner) {
    auto& f = fences_[shard];
    if (f.epoch != epoch || f.owner != owner) return std::nullopt;
    return ++f.epoch;
  }

  void release(shard_ref shard, std::int64_t epoch, const uuid& owner) {
    auto& f = fences_[shard];
    if (f.epoch == epoch && f.owner == owner) f.owner.reset();
  }

  const stored_operation* stored(shard_ref shard, const uuid& op_id) const {
    auto found = tables.operations.find({shard, op_id});
    return found == tables.operations.end() ? nullptr : &found->second;
  }

  int times_applied(const uuid& op_id) const {
    auto found = applied_.find(op_id);
    return found == applied_.end() ? 0 : found->second;
  }

  /// Whether `holds` was true of the player's committed state at some moment of [from, to].
  template <class Predicate>
  bool was_true(const uuid& player, std::uint64_t from, std::uint64_t to, Predicate holds) const {
    static const std::vector<std::pair<std::uint64_t, player_state>> nothing;
    auto found = history_.find(player);
    const auto& states = found == history_.end() ? nothing : found->second;
    if ((states.empty() || states.front().first > from) && holds(player_state{})) return true;
    for (std::size_t i = 0; i < states.size() && states[i].first <= to; ++i) {
      const bool ended = i + 1 < states.size() && states[i + 1].first < from;
      if (!ended && holds(states[i].second)) return true;
    }
    return false;
  }

  player_state state_of(const uuid& id) const {
    auto found = tables.players.find(id);
    if (found == tables.players.end()) return {};
    player_state now{true, found->second.player.version, {}};
    for (const auto& entry : found->second.library) now.games.insert(entry.game_id);
    return now;
  }

private:
  write_receipt execute(const uuid& owner, const statement& s) {
    const auto& unit = *s.unit;
    const auto& f = fences_[unit.shard];
    if (f.epoch != s.epoch || f.owner != owner) {
      ++stale_refused;
      return {.status = write_status::fenced};
    }
    if (const auto* known = stored(unit.shard, unit.op_id))
      return {.status = write_status::duplicate, .stored = *known};
    auto& newest = written_epochs_[unit.shard];
    if (s.epoch < newest) broken("a row was written at an older epoch than the one before it");
    newest = std::max(newest, s.epoch);
    if (++applied_[unit.op_id] > 1) broken("an operation was carried out twice");
    check_answer(unit);
    tables.operations[{unit.shard, unit.op_id}] = {unit.request_hash, unit.result};
    tables.apply(unit);
    if (auto found = commands.find(unit.op_id); found != commands.end())
      history_[found->second.player].emplace_back(tick(), state_of(found->second.player));
    return {.status = write_status::committed};
  }

  /// A command must have been decided on the state that it changes.
  void check_answer(const write_unit& unit) {
    auto found = commands.find(unit.op_id);
    if (found == commands.end()) return; // the deletion of a job
    const auto& facts = found->second;
    const auto before = state_of(facts.player);
    const bool had = before.games.contains(facts.game);
    bool right = false;
    switch (facts.kind) {
      case command_kind::create: right = !before.exists; break;
      case command_kind::change_password: {
        auto told = from_msgpack<player_updated>(unit.result);
        right = told && before.exists && told->profile.version == before.version + 1;
        break;
      }
      case command_kind::register_game: {
        auto told = from_msgpack<game_registered>(unit.result);
        right = told && before.exists && told->created == !had;
        break;
      }
      case command_kind::unregister_game: {
        auto told = from_msgpack<game_unregistered>(unit.result);
        right = told && before.exists && told->removed == had;
        break;
      }
    }
    if (!right) broken("a command was decided on a state that was not the database's");
  }

  std::uint64_t tick_ = 0;
  std::map<shard_ref, fence> fences_;
  std::map<shard_ref, std::int64_t> written_epochs_;
  std::map<uuid, int> applied_; ///< how often, by operation id
  std::map<uuid, std::vector<std::pair<std::uint64_t, player_state>>> history_;
};

} // namespace troupe::test
