#include "actors/catalog/catalog_shard.hpp"

#include <limits>
#include <memory>

#include "actors/catalog/catalog_entity.hpp"
#include "actors/directory/name_job_runner.hpp"
#include "actors/shard/shard_command.hpp"
#include "actors/shard/shard_handlers.hpp"

namespace troupe {

namespace {

/// The catalogue is one entity: its commands run one after the other.
constexpr int the_catalog = 0;

class catalog_shard {
public:
  using self_pointer = catalog_shard_actor::pointer;

  catalog_shard(self_pointer self, shard_settings settings, catalog_dependencies dependencies)
    : self_(self),
      dependencies_(dependencies),
      core_(self, caf::actor_cast<shard_client>(self), settings, hooks()),
      entities_(
        core_, {.bytes = std::numeric_limits<std::size_t>::max(), .waiters_per_key = 1024},
        [](int) -> load_key { return load_catalog{}; },
        [this](load_value&& value) -> std::optional<catalog_entity> {
          auto* image = std::get_if<catalog_image>(&value);
          catalog_entity loaded{image ? std::move(*image) : catalog_image{}};
          dependencies_.view->publish(loaded.snapshot);
          return loaded;
        }) {}

  shard_core& core() noexcept { return core_; }
  self_pointer self() const noexcept { return self_; }

  template <class Answer, class Request, class... Extra>
  void command(const call& c, const Request& request, reply<outcome<Answer>> answer,
               Extra... extra) {
    run_command<Answer>(core_, entities_, c, the_catalog, std::move(answer),
                        [this, request, extra...](const catalog_entity* catalog) {
                          return publishing(decide(catalog, request, extra...));
                        });
  }

  void settle(const call& c, const settle_creation& request, reply<creation_settled> answer) {
    auto use = [this, request, answer](result<catalog_entity*> found) mutable {
      if (!found) return answer(found.error());
      const auto* staff = (*found)->snapshot->find_staff(request.account_id);
      if (staff && fold_name(staff->username) == request.key)
        return answer(creation_settled{true, request.op_id});
      // An empty answer in the ledger: from now on the operation is a duplicate and never commits.
      write_unit tombstone;
      tombstone.op_id = request.op_id;
      entities_.hot().begin_write(the_catalog);
      core_.write(std::move(tombstone), [this, answer](write_receipt& receipt) mutable {
        if (receipt.status == write_status::fenced)
          return answer(failure{errc::not_owner, {}, {}, {}});
        entities_.hot().end_write(the_catalog);
        if (receipt.status == write_status::refused) return answer(receipt.why);
        answer(creation_settled{false, {}});
      });
    };
    entities_.with(the_catalog, c.deadline, std::move(use));
  }

private:
  shard_core::hooks hooks() {
    return {
      .load = [this](std::function<void(bool)> ready) { load(std::move(ready)); },
      .run_job =
        [this](const job_record& job, std::function<void(bool)> done) {
          run_name_job(self_, *dependencies_.routes, job, std::move(done));
        },
      .drop = [this](const failure& why) { entities_.hot().clear(why); },
    };
  }

  void load(std::function<void(bool)> ready) {
    entities_.with(the_catalog, shard_core::clock::time_point::max(),
                   [this, ready = std::move(ready)](result<catalog_entity*> loaded) {
                     ready(loaded.has_value());
                   });
  }

  /// Lets the node see a change as soon as it is durable.
  template <class Answer>
  result<catalog_effect<Answer>> publishing(result<catalog_effect<Answer>> decided) {
    if (decided)
      decided->apply =
        [this, apply = std::move(decided->apply)](std::optional<catalog_entity>& catalog) mutable {
          auto before = catalog->snapshot;
          apply(catalog);
          if (catalog->snapshot == before) return;
          dependencies_.view->publish(catalog->snapshot);
          if (dependencies_.on_change) dependencies_.on_change();
        };
    return decided;
  }

  self_pointer self_;
  catalog_dependencies dependencies_;
  shard_core core_;
  entity_store<int, catalog_entity> entities_;
};

struct catalog_shard_state {
  static inline const char* name = "catalog-shard";
  std::unique_ptr<catalog_shard> shard;
};

catalog_shard_actor::behavior_type catalog_shard_behavior(
  catalog_shard_actor::stateful_pointer<catalog_shard_state> self, shard_settings settings,
  catalog_dependencies dependencies) {
  self->state.shard = std::make_unique<catalog_shard>(self, std::move(settings), dependencies);
  auto& shard = *self->state.shard;
  auto max_sessions = dependencies.max_sessions;
  return {
    [&shard](const call& c, const create_studio& m) {
      return admitted<outcome<studio_created>>(shard, c, [&shard, c, m](auto answer) {
        shard.command<studio_created>(c, m, std::move(answer), c.op_id);
      });
    },
    [&shard](const call& c, const create_game& m) {
      return admitted<outcome<game_created>>(shard, c, [&shard, c, m](auto answer) {
        shard.command<game_created>(c, m, std::move(answer));
      });
    },
    [&shard](const call& c, const settle_creation& m) {
      return admitted<creation_settled>(
        shard, c, [&shard, c, m](auto answer) { shard.settle(c, m, std::move(answer)); });
    },
    [&shard, max_sessions](const call& c, const open_session& m) {
      return admitted<outcome<session_opened>>(shard, c, [&shard, c, m, max_sessions](auto answer) {
        shard.command<session_opened>(c, m, std::move(answer), max_sessions);
      });
    },
    [&shard](const call& c, const rotate_session& m) {
      return admitted<outcome<session_rotated>>(shard, c, [&shard, c, m](auto answer) {
        shard.command<session_rotated>(c, m, std::move(answer));
      });
    },
    [&shard](const call& c, const close_session& m) {
      return admitted<outcome<session_closed>>(shard, c, [&shard, c, m](auto answer) {
        shard.command<session_closed>(c, m, std::move(answer));
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

catalog_shard_actor spawn_catalog_shard(caf::actor_system& system, shard_settings settings,
                                        catalog_dependencies dependencies) {
  return system.spawn(catalog_shard_behavior, std::move(settings), dependencies);
}

} // namespace troupe
