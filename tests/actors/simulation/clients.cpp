#include "tests/actors/simulation/clients.hpp"

#include <algorithm>
#include <caf/all.hpp>
#include <chrono>
#include <map>
#include <utility>

#include "actors/api/errors.hpp"
#include "base/msgpack.hpp"

namespace troupe::test {

namespace {

call fresh_call() {
  call c;
  c.op_id = make_uuid_v7();
  c.deadline = std::chrono::steady_clock::time_point::max();
  return c;
}

/// Errors after which the same operation is sent again.
bool passes_by_itself(errc code) {
  return code == errc::operation_in_flight || code == errc::overloaded ||
         code == errc::shard_unavailable || code == errc::storage_unavailable ||
         code == errc::timed_out;
}

/// Whether an answer that was given without a commit is true of a state.
bool is_true_of(const game_registered& answer, const command_facts& facts, const player_state& s) {
  return !answer.created && s.games.contains(facts.game);
}
bool is_true_of(const game_unregistered& answer, const command_facts& facts,
                const player_state& s) {
  return !answer.removed && s.exists && !s.games.contains(facts.game);
}
template <class Answer>
bool is_true_of(const Answer&, const command_facts&, const player_state&) {
  return false; // always commits
}

} // namespace

simulated_clients::simulated_clients(caf::actor_system& system, simulated_cluster& cluster,
                                     dice& chance, std::function<void(const std::string&)> broken)
  : system_(system), cluster_(cluster), chance_(chance), broken_(std::move(broken)) {
  catalog_image image;
  for (auto& game : games_) {
    game = make_uuid_v7();
    image.games.push_back({game, make_uuid_v7(), "Game", {}});
  }
  cluster_.catalog.publish(std::make_shared<const catalog_snapshot>(std::move(image)));
  for (auto& player : players_) player = make_uuid_v7();
  // Each player is created once; the commands on it may come before, and then there is none.
  for (std::size_t p = 0; p < player_count; ++p) {
    auto cmd = std::make_shared<command>();
    cmd->facts = {command_kind::create, players_[p], {}};
    cmd->player = p;
    cmd->c = fresh_call();
    cluster_.database.commands[cmd->c.op_id] = cmd->facts;
    commands_.push_back(std::move(cmd));
  }
}

const player_shard_actor* simulated_clients::target(std::size_t node, std::int32_t shard) const {
  const auto& n = *cluster_.nodes[node];
  return n.running ? &n.shards[static_cast<std::size_t>(shard)] : nullptr;
}

std::size_t simulated_clients::owner_or_any(std::int32_t shard) {
  for (std::size_t i = 0; i < node_count; ++i)
    if (cluster_.nodes[i]->would_tell(shard)) return i;
  return chance_.below(node_count);
}

void simulated_clients::ask_something() {
  const auto player = chance_.below(player_count);
  // Mostly where the answer is, sometimes where somebody believes it to be.
  const auto node = chance_.percent(75) ? owner_or_any(shard_of_player(player))
                                        : chance_.below(node_count);
  if (chance_.percent(50) || commands_.size() >= most_commands) return read(player, node);
  auto cmd = std::make_shared<command>();
  const auto kind = static_cast<command_kind>(1 + chance_.below(3));
  cmd->facts = {kind, players_[player],
                kind == command_kind::change_password ? uuid{} : games_[chance_.below(game_count)]};
  cmd->player = player;
  cmd->c = fresh_call();
  if (chance_.percent(50)) cmd->c.request_hash.fill(1 + static_cast<std::uint8_t>(kind));
  cluster_.database.commands[cmd->c.op_id] = cmd->facts;
  commands_.push_back(cmd);
  send(cmd, node);
}

void simulated_clients::retry_something() {
  auto& cmd = commands_[chance_.below(commands_.size())];
  if (cmd->done) return;
  if (cmd->in_flight) {
    if (!chance_.percent(10)) return;
    stop_waiting(*cmd);
  }
  const auto shard = shard_of_player(cmd->player);
  send(cmd, chance_.percent(70) ? owner_or_any(shard) : chance_.below(node_count));
}

void simulated_clients::retry_all() {
  for (auto& cmd : commands_) {
    const bool lives = std::ranges::any_of(
      cluster_.nodes, [&](const auto& n) { return n->incarnation == cmd->asked_of; });
    if (cmd->in_flight && !lives) stop_waiting(*cmd);
    if (!cmd->done && !cmd->in_flight) send(cmd, owner_or_any(shard_of_player(cmd->player)));
  }
}

void simulated_clients::stop_waiting(command& cmd) {
  cmd.in_flight = false; // whatever it comes to, the answer is lost
  cmd.c.again = true;
}

void simulated_clients::read_everything() {
  for (std::size_t p = 0; p < player_count; ++p) read(p, owner_or_any(shard_of_player(p)));
}

std::size_t simulated_clients::unanswered() const {
  return static_cast<std::size_t>(
    std::ranges::count_if(commands_, [](const auto& cmd) { return !cmd->done; }));
}

void simulated_clients::send(const command_pointer& cmd, std::size_t node) {
  const auto* to = target(node, shard_of_player(cmd->player));
  if (!to) return;
  if (++cmd->attempt > 1) ++counts.retries;
  cmd->in_flight = true;
  cmd->asked_of = cluster_.node(node).incarnation;
  cmd->asked = cluster_.database.tick();
  const auto& facts = cmd->facts;
  switch (facts.kind) {
    case command_kind::create:
      return send_as<player_profile>(
        cmd, *to, create_player{facts.player, "player" + std::to_string(cmd->player), "hash"});
    case command_kind::change_password: {
      update_player change;
      change.id = facts.player;
      change.password_hash = "another hash";
      return send_as<player_updated>(cmd, *to, change);
    }
    case command_kind::register_game:
      return send_as<game_registered>(cmd, *to, register_game{facts.player, facts.game});
    case command_kind::unregister_game:
      return send_as<game_unregistered>(cmd, *to, unregister_game{facts.player, facts.game});
  }
}

template <class Answer, class Request>
void simulated_clients::send_as(const command_pointer& cmd, const player_shard_actor& to,
                                Request request) {
  system_.spawn([this, cmd, to, request = std::move(request)](caf::event_based_actor* client) {
    const auto attempt = cmd->attempt;
    const auto asked = cmd->asked;
    client->request(to, caf::infinite, cmd->c, request)
      .then(
        [this, cmd, attempt, asked, c = cmd->c](const outcome<Answer>& answer) {
          if (cmd->attempt == attempt && cmd->in_flight) check(cmd, c, asked, answer);
        },
        [this, cmd, attempt, asked](const caf::error& why) {
          if (cmd->attempt == attempt && cmd->in_flight) failed(cmd, asked, why);
        });
  });
}

template <class Answer>
void simulated_clients::check(const command_pointer& cmd, const call& c, std::uint64_t asked,
                              const outcome<Answer>& answer) {
  cmd->in_flight = false;
  cmd->done = true;
  auto& db = cluster_.database;
  const shard_ref shard{family::player, shard_of_player(cmd->player)};
  if (const auto* stored = db.stored(shard, c.op_id)) {
    cmd->acknowledged = true;
    ++counts.acknowledged;
    if (answer.replayed) ++counts.replayed;
    if (stored->result != to_msgpack(answer.value))
      broken_("the answer a client got is not the one in the ledger");
    if (stored->request_hash != c.request_hash) broken_("another request's answer was given");
    return;
  }
  // Nothing was to be changed, and that must be true. Such an answer is as a read.
  const bool held = db.was_true(cmd->facts.player, asked, db.tick(), [&](const player_state& s) {
    return is_true_of(answer.value, cmd->facts, s);
  });
  if (!held || c.repeated()) broken_("a command was acknowledged that is not in the database");
  ++counts.reads;
}

void simulated_clients::failed(const command_pointer& cmd, std::uint64_t asked,
                               const caf::error& error) {
  cmd->in_flight = false;
  if (error.category() != caf::type_id_v<errc>) { // the actor ended: the fate is unknown
    cmd->c.again = true;
    return;
  }
  const auto why = from_caf_error(error);
  if (why.code == errc::not_owner) return;
  if (passes_by_itself(why.code)) {
    cmd->c.again = true;
    return;
  }
  cmd->done = true;
  ++counts.refused;
  auto& db = cluster_.database;
  const bool none = db.was_true(cmd->facts.player, asked, db.tick(),
                                [](const player_state& s) { return !s.exists; });
  if (why.code != errc::no_such_player || cmd->facts.kind == command_kind::create || !none)
    broken_("a command was answered with " + std::string{to_string(why.code)});
}

void simulated_clients::read(std::size_t player, std::size_t node) {
  const auto* to = target(node, shard_of_player(player));
  if (!to) return;
  const auto asked = cluster_.database.tick();
  const auto id = players_[player];
  auto judge = [this, id, asked](auto holds) {
    ++counts.reads;
    if (!cluster_.database.was_true(id, asked, cluster_.database.tick(), holds))
      broken_("a read told what was not in the database between question and answer");
  };
  auto failed = [judge](const caf::error& error) {
    if (error.category() != caf::type_id_v<errc>) return;
    if (from_caf_error(error).code == errc::no_such_player)
      judge([](const player_state& s) { return !s.exists; });
  };
  const bool profile = chance_.percent(50);
  system_.spawn([to = *to, id, profile, judge, failed](caf::event_based_actor* client) {
    if (profile)
      client->request(to, caf::infinite, fresh_call(), read_player{id})
        .then(
          [judge](const player_profile& told) {
            judge([&](const player_state& s) { return s.exists && s.version == told.version; });
          },
          failed);
    else
      client->request(to, caf::infinite, fresh_call(), list_library{id, {}, 20})
        .then(
          [judge](const library_page& told) {
            std::set<uuid> games;
            for (const auto& entry : told.items) games.insert(entry.game_id);
            judge([&](const player_state& s) { return s.exists && s.games == games; });
          },
          failed);
  });
}

void simulated_clients::check_final_state() const {
  const auto& db = cluster_.database;
  for (const auto& cmd : commands_) {
    const auto times = db.times_applied(cmd->c.op_id);
    if (cmd->acknowledged ? times != 1 : times > 1)
      broken_("an operation is in the database " + std::to_string(times) + " times");
  }
  std::map<uuid, std::int64_t> registered;
  for (const auto& [id, image] : db.tables.players)
    for (const auto& entry : image.library) ++registered[entry.game_id];
  for (const auto& game : games_) {
    const auto counted = db.tables.counters.find(game);
    const auto told = counted == db.tables.counters.end() ? 0 : counted->second;
    if (told != registered[game]) broken_("a counter differs from its rows");
  }
  if (!db.tables.jobs.empty()) broken_("a job was left undone");
}

} // namespace troupe::test
