#include "actors/player/player_shard.hpp"

#include <memory>

#include "actors/directory/name_job_runner.hpp"
#include "actors/player/player_entity.hpp"
#include "actors/shard/shard_command.hpp"
#include "actors/shard/shard_handlers.hpp"

namespace troupe {

namespace {

class player_shard {
public:
  using self_pointer = player_shard_actor::pointer;

  player_shard(self_pointer self, shard_settings settings, player_dependencies dependencies)
    : self_(self),
      dependencies_(dependencies),
      core_(self, caf::actor_cast<shard_client>(self), settings, hooks()),
      players_(
        core_, {.bytes = settings.hot_bytes},
        [](const uuid& id) -> load_key { return load_player{id}; },
        [](load_value&& value) -> std::optional<player_entity> {
          auto* image = std::get_if<player_image>(&value);
          if (!image) return std::nullopt;
          return player_entity{std::move(*image)};
        }) {}

  shard_core& core() noexcept { return core_; }
  self_pointer self() const noexcept { return self_; }

  /// The profile when it can be told at once.
  const player_record* peek(const call& c, const uuid& id) {
    if (!core_.active() || !core_.may_tell() || c.expired()) return nullptr;
    auto* entity = players_.peek(id);
    return entity ? entity->living() : nullptr;
  }

  template <class Answer, class Request, class... Extra>
  void command(const call& c, const uuid& id, const Request& request, reply<outcome<Answer>> answer,
               Extra... extra) {
    run_command<Answer>(core_, players_, c, id, std::move(answer),
                        [request, extra...](const player_entity* entity) {
                          return decide(entity, request, extra...);
                        });
  }

  template <class Answer, class Project>
  void read(const call& c, const uuid& id, reply<Answer> answer, Project project) {
    run_read(core_, players_, c, id, std::move(answer), std::move(project));
  }

  void settle(const call& c, const settle_creation& request, reply<creation_settled> answer) {
    auto use = [this, request, answer](result<player_entity*> entity) mutable {
      if (!entity) return answer(entity.error());
      const auto* player = *entity ? (*entity)->living() : nullptr;
      if (player && fold_name(player->name) == request.key)
        return answer(creation_settled{true, player->name_op});
      // An empty answer in the ledger: from now on the operation is a duplicate and never commits.
      write_unit tombstone;
      tombstone.op_id = request.op_id;
      players_.hot().begin_write(request.account_id);
      core_.write(std::move(tombstone), [this, request, answer](write_receipt& receipt) mutable {
        if (receipt.status == write_status::fenced)
          return answer(failure{errc::not_owner, {}, {}, {}});
        players_.hot().end_write(request.account_id);
        if (receipt.status == write_status::refused) return answer(receipt.why);
        answer(creation_settled{false, {}});
      });
    };
    players_.with(request.account_id, c.deadline, std::move(use));
  }

private:
  shard_core::hooks hooks() {
    return {
      .load = [](std::function<void(bool)> ready) { ready(true); },
      .run_job =
        [this](const job_record& job, std::function<void(bool)> done) {
          run_name_job(self_, *dependencies_.routes, job, std::move(done));
        },
      .drop = [this](const failure& why) { players_.hot().clear(why); },
    };
  }

  self_pointer self_;
  player_dependencies dependencies_;
  shard_core core_;
  entity_store<uuid, player_entity> players_;
};

struct player_shard_state {
  static inline const char* name = "player-shard";
  std::unique_ptr<player_shard> shard;
};

player_shard_actor::behavior_type player_shard_behavior(
  player_shard_actor::stateful_pointer<player_shard_state> self, shard_settings settings,
  player_dependencies dependencies) {
  self->state.shard = std::make_unique<player_shard>(self, std::move(settings), dependencies);
  auto& shard = *self->state.shard;
  auto max_sessions = dependencies.max_sessions;
  auto* catalog = dependencies.catalog;

  return {
    // -- players
    [&shard](const call& c, const create_player& m) {
      return admitted<outcome<player_profile>>(shard, c, [&shard, c, m](auto answer) {
        shard.command<player_profile>(c, m.id, m, std::move(answer), c.op_id);
      });
    },
    [&shard](const call& c, const read_player& m) -> caf::result<player_profile> {
      if (const auto* player = shard.peek(c, m.id)) return profile_of(*player);
      return admitted<player_profile>(shard, c, [&shard, c, m](auto answer) {
        shard.read(c, m.id, std::move(answer),
                   [](const player_entity* entity) -> result<player_profile> {
                     if (!entity || !entity->living()) return fail(errc::no_such_player);
                     return profile_of(entity->image.player);
                   });
      });
    },
    [&shard](const call& c, const update_player& m) {
      return admitted<outcome<player_updated>>(shard, c, [&shard, c, m](auto answer) {
        shard.command<player_updated>(c, m.id, m, std::move(answer), c.op_id);
      });
    },
    [&shard](const call& c, const delete_player& m) {
      return admitted<outcome<player_deleted>>(shard, c, [&shard, c, m](auto answer) {
        shard.command<player_deleted>(c, m.id, m, std::move(answer));
      });
    },
    [&shard](const call& c, const read_credentials& m) {
      return admitted<credentials>(shard, c, [&shard, c, m](auto answer) {
        shard.read(
          c, m.id, std::move(answer), [](const player_entity* entity) -> result<credentials> {
            if (!entity || !entity->living()) return fail(errc::no_such_player);
            return credentials{entity->image.player.id, entity->image.player.password_hash};
          });
      });
    },
    [&shard](const call& c, const settle_creation& m) {
      return admitted<creation_settled>(
        shard, c, [&shard, c, m](auto answer) { shard.settle(c, m, std::move(answer)); });
    },
    // -- the library
    [&shard, catalog](const call& c, const register_game& m) {
      return admitted<outcome<game_registered>>(shard, c, [&shard, c, m, catalog](auto answer) {
        shard.command<game_registered>(c, m.player_id, m, std::move(answer), catalog->current());
      });
    },
    [&shard](const call& c, const unregister_game& m) {
      return admitted<outcome<game_unregistered>>(shard, c, [&shard, c, m](auto answer) {
        shard.command<game_unregistered>(c, m.player_id, m, std::move(answer));
      });
    },
    [&shard](const call& c, const list_library& m) {
      return admitted<library_page>(shard, c, [&shard, c, m](auto answer) {
        shard.read(c, m.player_id, std::move(answer),
                   [m](const player_entity* entity) { return page_of(entity, m); });
      });
    },
    // -- log-ins
    [&shard, max_sessions](const call& c, const open_session& m) {
      return admitted<outcome<session_opened>>(shard, c, [&shard, c, m, max_sessions](auto answer) {
        shard.command<session_opened>(c, m.session.account_id, m, std::move(answer), max_sessions);
      });
    },
    [&shard](const call& c, const rotate_session& m) {
      return admitted<outcome<session_rotated>>(shard, c, [&shard, c, m](auto answer) {
        shard.command<session_rotated>(c, m.account_id, m, std::move(answer));
      });
    },
    [&shard](const call& c, const close_session& m) {
      return admitted<outcome<session_closed>>(shard, c, [&shard, c, m](auto answer) {
        shard.command<session_closed>(c, m.account_id, m, std::move(answer));
      });
    },
    on_write_receipts(shard),
    on_acquire_receipt(shard),
    on_tenure_lost(shard),
    on_load_receipts(shard),
    on_release_shard(shard),
    on_acquire_shard(shard),
  };
}

} // namespace

player_shard_actor spawn_player_shard(caf::actor_system& system, shard_settings settings,
                                      player_dependencies dependencies) {
  return system.spawn(player_shard_behavior, std::move(settings), dependencies);
}

} // namespace troupe
