#pragma once

#include <caf/test/dsl.hpp>

#include <array>
#include <chrono>
#include <memory>
#include <optional>

#include "actors/api/errors.hpp"
#include "actors/catalog/catalog_shard.hpp"
#include "actors/cluster/shard_table.hpp"
#include "actors/directory/directory_shard.hpp"
#include "actors/directory/name_job.hpp"
#include "actors/player/player_shard.hpp"
#include "tests/actors/memory_storage.hpp"

namespace troupe::test {

/// What a request came to.
template <class R>
struct answer_box {
  std::optional<R> value;
  std::optional<failure> why;
  bool pending() const { return !value && !why; }
};

/// One shard of each family on one node, over a storage in memory; no threads, virtual time.
struct shard_fixture : test_coordinator_fixture<> {
  static constexpr std::array<std::uint32_t, families.size()> counts{1, 1, 1};

  memory_tables tables;
  catalog_view view;
  shard_board board{counts};
  shard_table table{counts, board};
  uuid incarnation = make_uuid_v7();
  node_lease lease;
  shard_storage storage = spawn_memory_storage(sys, &tables);
  player_shard_actor players;
  directory_shard_actor directory;
  catalog_shard_actor catalog;

  shard_settings settings_of(family fam) {
    return {{fam, 0}, incarnation, &board.at({fam, 0}), &lease};
  }

  /// What placement does for a shard that is wanted here.
  template <class Actor>
  void place(const Actor& shard, family fam) {
    caf::anon_send(shard, acquire_shard{tables.epochs[{fam, 0}], storage});
  }

  /// Spawns the shards; `settle` brings them to life.
  void start() {
    lease.extend(node_lease::clock::time_point::max());
    players = spawn_player_shard(sys, settings_of(family::player), {&view, &table, 3});
    directory = spawn_directory_shard(sys, settings_of(family::directory), {&table});
    catalog = spawn_catalog_shard(sys, settings_of(family::catalog), {&view, &table, 3});
    place(players, family::player);
    place(directory, family::directory);
    place(catalog, family::catalog);
    table.place({family::player, 0}, caf::actor_cast<caf::strong_actor_ptr>(players));
    table.place({family::directory, 0}, caf::actor_cast<caf::strong_actor_ptr>(directory));
    table.place({family::catalog, 0}, caf::actor_cast<caf::strong_actor_ptr>(catalog));
  }

  ~shard_fixture() {
    table.clear();
    for (auto& actor :
         {caf::actor_cast<caf::actor>(players), caf::actor_cast<caf::actor>(directory),
          caf::actor_cast<caf::actor>(catalog), caf::actor_cast<caf::actor>(storage.writer),
          caf::actor_cast<caf::actor>(storage.reader)})
      if (actor) caf::anon_send_exit(actor, caf::exit_reason::kill);
    settle();
  }

  /// Delivers every message there is, without moving the time.
  void settle() {
    while (sched.try_run_once()) {}
  }

  static call fresh_call() {
    call c;
    c.op_id = make_uuid_v7();
    c.deadline = std::chrono::steady_clock::time_point::max();
    return c;
  }

  static call keyed_call(std::uint8_t request) {
    auto c = fresh_call();
    c.request_hash.fill(request);
    return c;
  }

  /// Sends a request; its answer is in the box once it came.
  template <class R, class Actor, class Request>
  std::shared_ptr<answer_box<R>> send(const Actor& to, const call& c, Request request) {
    auto box = std::make_shared<answer_box<R>>();
    sys.spawn([=](caf::event_based_actor* client) {
      client->request(to, std::chrono::hours(1), c, request)
        .then([box](R& r) { box->value = std::move(r); },
              [box](caf::error& e) { box->why = from_caf_error(e); });
    });
    return box;
  }

  /// Sends a request and lets everything happen that follows from it.
  template <class R, class Actor, class Request>
  answer_box<R> ask(const Actor& to, const call& c, Request request) {
    auto box = send<R>(to, c, std::move(request));
    settle();
    return *box;
  }

  /// A player that is in the storage already, with its name in the directory.
  uuid stored_player(const std::string& name) {
    player_image image;
    image.player.id = make_uuid_v7();
    image.player.name = name;
    image.player.name_op = make_uuid_v7();
    image.player.password_hash = "hash";
    tables.players[image.player.id] = image;
    account_ref account{account_kind::player, image.player.id};
    tables.names[fold_name(name)] = {fold_name(name), name_state::confirmed, account,
                                     image.player.name_op};
    return image.player.id;
  }

  /// A game of a new studio in the catalogue's storage; before `start`.
  uuid stored_game() {
    studio_record studio{make_uuid_v7(), "Studio", {}};
    game_record game{make_uuid_v7(), studio.id, "Game", {}};
    tables.catalog.studios.push_back(studio);
    tables.catalog.games.push_back(game);
    return game.id;
  }
};

} // namespace troupe::test
