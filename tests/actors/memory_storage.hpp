#pragma once

#include <caf/all.hpp>
#include <deque>
#include <map>
#include <memory>
#include <ranges>
#include <set>
#include <utility>
#include <vector>

#include "persistence/database_set.hpp"
#include "persistence/ports.hpp"

// A storage for tests of shard actors that keeps its rows in memory, commits when told to, and can refuse,
// fence and lose. It follows the contract of persistence/ports.hpp; the real lanes are tested
// against Postgres in tests/persistence.

namespace troupe::test {

struct memory_tables {
  std::map<shard_ref, std::int64_t> epochs; ///< current epoch; a unit of another one is fenced
  std::map<std::pair<shard_ref, uuid>, stored_operation> operations;
  std::map<uuid, player_image> players;
  std::map<std::string, name_record> names;
  std::map<std::pair<shard_ref, uuid>, job_record> jobs;
  std::map<uuid, std::int64_t> counters;
  catalog_image catalog;
  providers_image providers;
  std::vector<event_change_record> event_changes; ///< in the order of their commits
  std::map<uuid, std::string> event_zones;
  std::map<uuid, std::map<std::int32_t, std::string>> answers; ///< pieces by provider and place

  bool hold = false;          ///< keep units until `release_held`
  bool refuse_writes = false; ///< answer storage_unavailable
  bool refuse_loads = false;
  bool refuse_acquires = false;
  bool doubt_writes = false; ///< the ledger settles what became of units, as after a lost answer
  std::deque<write_request> held;
  std::size_t commits = 0;
  std::size_t loads = 0;

  void apply(const write_unit& unit) {
    for (const auto& row : unit.rows) apply_row(unit.shard, row);
  }

  template <class Row>
  static void replace_by_id(std::vector<Row>& rows, const Row& row) {
    std::erase_if(rows, [&](const Row& r) { return r.id == row.id; });
    rows.push_back(row);
  }

  std::vector<session_record>& sessions_of(shard_ref shard, const uuid& account_id) {
    return shard.fam == family::catalog ? catalog.sessions : players[account_id].sessions;
  }

  void apply_row(shard_ref shard, const row_change& row) {
    if (auto* r = std::get_if<put_player>(&row)) players[r->row.id].player = r->row;
    if (auto* r = std::get_if<put_library_entry>(&row)) {
      auto& library = players[r->player_id].library;
      library.push_back(r->row);
      std::ranges::sort(library, {}, &library_entry::game_id);
    }
    if (auto* r = std::get_if<delete_library_entry>(&row))
      std::erase_if(players[r->player_id].library,
                    [&](const library_entry& e) { return e.game_id == r->game_id; });
    if (auto* r = std::get_if<delete_library>(&row)) players[r->player_id].library.clear();
    if (auto* r = std::get_if<add_to_counter>(&row)) counters[r->game_id] += r->delta;
    if (auto* r = std::get_if<put_session>(&row))
      replace_by_id(sessions_of(shard, r->row.account_id), r->row);
    if (auto* r = std::get_if<delete_session>(&row))
      std::erase_if(sessions_of(shard, r->account_id),
                    [&](const session_record& s) { return s.id == r->session_id; });
    if (auto* r = std::get_if<delete_sessions>(&row))
      std::erase_if(sessions_of(shard, r->account_id),
                    [&](const session_record& s) { return s.account_id == r->account_id; });
    if (auto* r = std::get_if<put_name>(&row)) names[r->row.key] = r->row;
    if (auto* r = std::get_if<delete_name>(&row)) names.erase(r->key);
    if (auto* r = std::get_if<put_studio>(&row)) replace_by_id(catalog.studios, r->row);
    if (auto* r = std::get_if<put_game>(&row)) replace_by_id(catalog.games, r->row);
    if (auto* r = std::get_if<put_staff>(&row)) replace_by_id(catalog.staff, r->row);
    if (auto* r = std::get_if<put_provider>(&row)) replace_by_id(providers.providers, r->row);
    if (auto* r = std::get_if<put_provider_progress>(&row)) {
      std::erase_if(providers.progress, [&](const provider_progress& p) {
        return p.provider_id == r->row.provider_id;
      });
      providers.progress.push_back(r->row);
    }
    if (auto* r = std::get_if<put_event>(&row)) {
      replace_by_id(providers.events, r->row);
      if (r->zones) event_zones[r->row.id] = *r->zones;
    }
    if (auto* r = std::get_if<put_event_change>(&row)) event_changes.push_back(r->row);
    if (auto* r = std::get_if<put_answer_piece>(&row)) answers[r->provider_id][r->place] = r->bytes;
    if (auto* r = std::get_if<delete_answer>(&row)) answers.erase(r->provider_id);
    if (auto* r = std::get_if<put_job>(&row)) jobs[{shard, r->row.id}] = r->row;
    if (auto* r = std::get_if<delete_job>(&row)) jobs.erase({shard, r->id});
  }

  write_receipt commit(const write_request& request) {
    const auto& unit = *request.unit;
    write_receipt receipt;
    receipt.ticket = request.ticket;
    if (epochs[unit.shard] != unit.epoch) {
      receipt.status = write_status::fenced;
    } else if (refuse_writes) {
      receipt.why.code = errc::storage_unavailable;
    } else if (auto found = operations.find({unit.shard, unit.op_id}); found != operations.end()) {
      // As the lane does: a row that could be this unit's own counts as its commit.
      const bool ours = doubt_writes && found->second.result == unit.result;
      receipt.status = ours ? write_status::committed : write_status::duplicate;
      receipt.doubtful = ours;
      receipt.stored = found->second;
    } else {
      receipt.status = write_status::committed;
      operations[{unit.shard, unit.op_id}] = {unit.request_hash, unit.result};
      apply(unit);
      ++commits;
    }
    return receipt;
  }

  static void answer(const write_request& request, write_receipt receipt) {
    write_receipts receipts;
    receipts.items.push_back(std::move(receipt));
    caf::anon_send(request.reply_to, std::move(receipts));
  }

  void release_held() {
    for (auto& request : std::exchange(held, {})) answer(request, commit(request));
  }

  std::vector<event_change_record> last_changes(const load_event_history& wanted) const {
    std::vector<event_change_record> found;
    for (const auto& change : std::views::reverse(event_changes))
      if (change.event_id == wanted.event_id && change.version < wanted.before &&
          found.size() < static_cast<std::size_t>(wanted.limit))
        found.push_back(change);
    return found;
  }

  load_value value_of(shard_ref shard, const load_key& key) {
    ++loads;
    if (auto* by_id = std::get_if<load_player>(&key)) {
      auto found = players.find(by_id->id);
      if (found != players.end()) return found->second;
    } else if (auto* by_name = std::get_if<load_name>(&key)) {
      auto found = names.find(by_name->key);
      if (found != names.end()) return found->second;
    } else if (auto* by_op = std::get_if<load_operation>(&key)) {
      auto found = operations.find({shard, by_op->op_id});
      if (found != operations.end()) return found->second;
    } else if (std::holds_alternative<load_jobs>(key)) {
      std::vector<job_record> found;
      for (const auto& [place, job] : jobs)
        if (place.first == shard) found.push_back(job);
      return found;
    } else if (std::holds_alternative<load_catalog>(key)) {
      return catalog;
    } else if (std::holds_alternative<load_providers>(key)) {
      return providers;
    } else if (auto* of_event = std::get_if<load_event_history>(&key)) {
      return last_changes(*of_event);
    } else if (auto* piece = std::get_if<load_answer_piece>(&key)) {
      const auto& pieces = answers[piece->provider_id];
      if (const auto found = pieces.find(piece->place); found != pieces.end())
        return kept_piece{found->second, std::next(found) != pieces.end()};
    }
    return {};
  }
};

inline writer_actor::behavior_type memory_writer(writer_actor::pointer, memory_tables* tables) {
  return {
    [tables](const write_request& request) {
      if (tables->hold)
        tables->held.push_back(request);
      else
        memory_tables::answer(request, tables->commit(request));
    },
    [tables](const acquire_request& request) {
      acquire_receipt receipt{request.shard, 0, {errc::none, {}, {}, {}}};
      if (tables->refuse_acquires)
        receipt.why.code = errc::storage_unavailable;
      else if (tables->epochs[request.shard] != request.seen_epoch)
        receipt.why.code = errc::precondition_failed;
      else
        receipt.epoch = ++tables->epochs[request.shard];
      caf::anon_send(request.reply_to, receipt);
    },
    [](const release_request&) {},
  };
}

inline reader_actor::behavior_type memory_reader(reader_actor::pointer, memory_tables* tables) {
  return {
    [tables](const load_request& request) {
      load_receipts receipts;
      load_receipt receipt;
      receipt.ticket = request.ticket;
      if (tables->refuse_loads)
        receipt.why.code = errc::storage_unavailable;
      else
        receipt.value = tables->value_of(request.shard, request.key);
      receipts.items.push_back(std::move(receipt));
      caf::anon_send(request.reply_to, std::move(receipts));
    },
    [](const list_registrations&) { return registrations{}; },
    [tables](const sum_counters& request) {
      counters found;
      for (const auto& id : request.game_ids)
        if (auto at = tables->counters.find(id); at != tables->counters.end())
          found.items.push_back({id, at->second});
      return found;
    },
  };
}

inline shard_storage spawn_memory_storage(caf::actor_system& system, memory_tables* tables) {
  return {system.spawn(memory_writer, tables), std::make_shared<credits>(1000),
          system.spawn(memory_reader, tables), std::make_shared<credits>(1000)};
}

} // namespace troupe::test
