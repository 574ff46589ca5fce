#include "actors/directory/directory_shard.hpp"

#include <chrono>
#include <memory>

#include "actors/shard/shard_command.hpp"
#include "actors/shard/shard_handlers.hpp"

namespace troupe {

namespace {

using namespace std::chrono_literals;

/// How long a reservation is left to the operation that made it before somebody else who wants the name
/// has its fate settled. Counted from when this actor first saw it, by the monotonic clock; a wrong
/// guess costs nothing, because the account's own shard decides.
constexpr auto reservation_patience = 30s;
constexpr auto settle_timeout = 5s;

struct name_entity {
  name_record record;
  caf::actor_clock::time_point seen_at;

  std::size_t bytes() const noexcept { return sizeof *this + record.key.capacity(); }
};

class directory_shard {
public:
  using self_pointer = directory_shard_actor::pointer;

  directory_shard(self_pointer self, shard_settings settings, directory_dependencies dependencies)
    : self_(self),
      dependencies_(dependencies),
      core_(self, caf::actor_cast<shard_client>(self), settings, hooks()),
      names_(
        core_, {.bytes = settings.hot_bytes},
        [](const std::string& key) -> load_key { return load_name{key}; },
        [self](load_value&& value) -> std::optional<name_entity> {
          auto* record = std::get_if<name_record>(&value);
          if (!record) return std::nullopt;
          return name_entity{std::move(*record), self->clock().now()};
        }) {}

  shard_core& core() noexcept { return core_; }
  self_pointer self() const noexcept { return self_; }

  void reserve(const call& c, const reserve_name& request, reply<outcome<name_reserved>> answer) {
    auto use = [this, c, request, answer](result<name_entity*> found) mutable {
      if (!found) return answer(found.error());
      const auto* entity = *found;
      if (!entity)
        return put({request.key, name_state::reserved, request.account, c.op_id}, answer);
      const auto& record = entity->record;
      if (record.account == request.account) {
        if (record.op_id == c.op_id) return answer(reserved(request));
        // The same account again, under a new operation: what the earlier one left behind is void.
        return put({request.key, name_state::reserved, request.account, c.op_id}, answer);
      }
      bool fresh = self_->clock().now() - entity->seen_at < reservation_patience;
      if (record.state == name_state::confirmed || fresh)
        return answer(failure{errc::name_taken, {}, {}, {}});
      settle(c, request, record, std::move(answer));
    };
    names_.with(request.key, c.deadline, std::move(use));
  }

  void confirm(const call& c, const confirm_name& request, reply<name_settled> answer) {
    auto use = [this, request, answer](result<name_entity*> found) mutable {
      if (!found) return answer(found.error());
      const auto* entity = *found;
      bool ours = entity && entity->record.account == request.account &&
                  entity->record.op_id == request.op_id;
      if (!ours || entity->record.state == name_state::confirmed) return answer(name_settled{});
      put({request.key, name_state::confirmed, request.account, request.op_id},
          [answer](const failure* why) mutable {
            if (why)
              answer(*why);
            else
              answer(name_settled{});
          });
    };
    names_.with(request.key, c.deadline, std::move(use));
  }

  void release(const call& c, const release_name& request, reply<name_settled> answer) {
    auto use = [this, request, answer](result<name_entity*> found) mutable {
      if (!found) return answer(found.error());
      const auto* entity = *found;
      bool ours = entity && entity->record.account == request.account &&
                  entity->record.op_id == request.op_id;
      if (!ours) return answer(name_settled{});
      write(request.key, delete_name{request.key}, std::nullopt,
            [answer](const failure* why) mutable {
              if (why)
                answer(*why);
              else
                answer(name_settled{});
            });
    };
    names_.with(request.key, c.deadline, std::move(use));
  }

  void lookup(const call& c, const lookup_name& request, reply<account_ref> answer) {
    run_read(core_, names_, c, request.key, std::move(answer),
             [](const name_entity* entity) -> result<account_ref> {
               if (!entity) return fail(errc::not_found);
               return entity->record.account;
             });
  }

  /// Only the ledger knows of claims: the first one of an operation id is written, later ones are its
  /// duplicates.
  void claim(const call& c, const claim_operation& request,
             reply<outcome<operation_claimed>> answer) {
    if (!core_.begin_operation(c.op_id))
      return answer(failure{errc::operation_in_flight, {}, {}, 1});
    write_unit unit;
    unit.op_id = c.op_id;
    unit.request_hash = c.request_hash;
    operation_claimed claimed{request.account};
    unit.result = to_msgpack(claimed);
    core_.write(std::move(unit), [c, claimed, answer, mark = operation_mark{core_, c.op_id}](
                                   write_receipt& receipt) mutable {
      switch (receipt.status) {
        case write_status::committed: answer(outcome<operation_claimed>{claimed, false}); return;
        case write_status::duplicate:
          if (auto earlier = replay<operation_claimed>(c, receipt.stored))
            answer(std::move(*earlier));
          else
            answer(earlier.error());
          return;
        case write_status::fenced: answer(failure{errc::not_owner, {}, {}, {}}); return;
        case write_status::refused: answer(receipt.why); return;
      }
    });
  }

private:
  /// Null: it is durable.
  using ended = std::move_only_function<void(const failure*)>;

  static outcome<name_reserved> reserved(const reserve_name& request) {
    return {name_reserved{request.account}, false};
  }

  shard_core::hooks hooks() {
    return {
      .load = [](std::function<void(bool)> ready) { ready(true); },
      .run_job =
        [](const job_record& job, std::function<void(bool)> done) {
          log::error("directory", "unknown_job", {{"kind", job.kind}, {"job", to_string(job.id)}});
          done(true); // the directory commits no jobs: nobody can ever run it
        },
      .drop = [this](const failure& why) { names_.hot().clear(why); },
    };
  }

  /// Commits one change of a name. All of them are idempotent by what the row says, so each gets an
  /// operation id of its own. Only from within a waiter of that key.
  void write(const std::string& key, row_change change, std::optional<name_record> after,
             ended done) {
    write_unit unit;
    unit.op_id = make_uuid_v7();
    unit.rows.push_back(std::move(change));
    names_.hot().begin_write(key);
    core_.write(std::move(unit), [this, key, after = std::move(after),
                                  done = std::move(done)](write_receipt& receipt) mutable {
      switch (receipt.status) {
        case write_status::committed:
        case write_status::duplicate:
          names_.hot().end_write(key, [&](std::optional<name_entity>& entity) {
            if (after)
              entity = name_entity{std::move(*after), self_->clock().now()};
            else
              entity.reset();
          });
          done(nullptr);
          break;
        case write_status::fenced: {
          failure why{errc::not_owner, {}, {}, {}};
          done(&why);
          break;
        }
        case write_status::refused:
          names_.hot().end_write(key);
          done(&receipt.why);
          break;
      }
      core_.report(names_.hot().bytes(), names_.hot().waiting());
    });
  }

  void put(name_record record, ended done) {
    auto key = record.key;
    write(key, put_name{record}, record, std::move(done));
  }

  void put(name_record record, reply<outcome<name_reserved>> answer) {
    outcome<name_reserved> reserved_answer{name_reserved{record.account}, false};
    put(std::move(record), [answer, reserved_answer](const failure* why) mutable {
      if (why)
        answer(*why);
      else
        answer(reserved_answer);
    });
  }

  /// Another account wants a name whose reservation was neither confirmed nor given up. The shard of the
  /// account that reserved it knows, and makes its answer final. The key stays locked meanwhile.
  void settle(const call& c, const reserve_name& request, const name_record& record,
              reply<outcome<name_reserved>> answer) {
    names_.hot().begin_write(request.key);
    call question = c;
    question.op_id = make_uuid_v7();
    question.request_hash = {};
    settle_creation ask{record.account.id, record.op_id, record.key};
    // The lock on the key ends with the tenure; in a later one it is somebody else's.
    auto locked = [this, tenure = core_.life().epoch()] {
      return core_.active() && core_.life().epoch() == tenure;
    };
    auto settled = [this, c, request, record, answer,
                    locked](const creation_settled& fate) mutable {
      if (!locked()) return answer(failure{errc::not_owner, {}, {}, {}});
      auto next = fate.holds
                    ? name_record{record.key, name_state::confirmed, record.account, fate.op_id}
                    : name_record{record.key, name_state::reserved, request.account, c.op_id};
      put(std::move(next), [answer, request, holds = fate.holds](const failure* why) mutable {
        if (why)
          answer(*why);
        else if (holds)
          answer(failure{errc::name_taken, {}, {}, {}});
        else
          answer(reserved(request));
      });
    };
    auto failed = [this, key = request.key, answer, locked](const caf::error& why) mutable {
      if (locked()) names_.hot().end_write(key);
      answer(from_caf_error(why));
    };
    if (record.account.kind == account_kind::player) {
      if (auto shard = dependencies_.routes->route<player_actor>(record.account.id)) {
        self_->request(*shard, settle_timeout, question, ask).then(settled, failed);
        return;
      }
    } else if (auto shard = dependencies_.routes->route<catalog_actor>()) {
      self_->request(*shard, settle_timeout, question, ask).then(settled, failed);
      return;
    }
    failed(to_caf_error({errc::shard_unavailable, {}, {}, 1}));
  }

  self_pointer self_;
  directory_dependencies dependencies_;
  shard_core core_;
  entity_store<std::string, name_entity> names_;
};

struct directory_shard_state {
  static inline const char* name = "directory-shard";
  std::unique_ptr<directory_shard> shard;
};

directory_shard_actor::behavior_type directory_shard_behavior(
  directory_shard_actor::stateful_pointer<directory_shard_state> self, shard_settings settings,
  directory_dependencies dependencies) {
  self->state.shard = std::make_unique<directory_shard>(self, std::move(settings), dependencies);
  auto& shard = *self->state.shard;
  return {
    [&shard](const call& c, const reserve_name& m) {
      return admitted<outcome<name_reserved>>(
        shard, c, [&shard, c, m](auto answer) { shard.reserve(c, m, std::move(answer)); });
    },
    [&shard](const call& c, const confirm_name& m) {
      return admitted<name_settled>(
        shard, c, [&shard, c, m](auto answer) { shard.confirm(c, m, std::move(answer)); });
    },
    [&shard](const call& c, const release_name& m) {
      return admitted<name_settled>(
        shard, c, [&shard, c, m](auto answer) { shard.release(c, m, std::move(answer)); });
    },
    [&shard](const call& c, const lookup_name& m) {
      return admitted<account_ref>(
        shard, c, [&shard, c, m](auto answer) { shard.lookup(c, m, std::move(answer)); });
    },
    [&shard](const call& c, const claim_operation& m) {
      return admitted<outcome<operation_claimed>>(
        shard, c, [&shard, c, m](auto answer) { shard.claim(c, m, std::move(answer)); });
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

directory_shard_actor spawn_directory_shard(caf::actor_system& system, shard_settings settings,
                                            directory_dependencies dependencies) {
  return system.spawn(directory_shard_behavior, std::move(settings), dependencies);
}

} // namespace troupe
