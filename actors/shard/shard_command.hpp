#pragma once

#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "actors/api/call.hpp"
#include "actors/shard/hot_map.hpp"
#include "actors/shard/shard_core.hpp"
#include "base/log.hpp"
#include "base/msgpack.hpp"

// How a shard actor carries out a command: decide against memory, commit, bring memory up to date, answer.
// The same for every family; a family only writes the decision.

namespace troupe {

/// What a command does once it was found to be in order.
template <class Answer, class Value>
struct effect {
  Answer answer;
  std::vector<row_change> rows; ///< none: nothing to write
  /// Brings the hot value up to date after the commit.
  std::move_only_function<void(std::optional<Value>&)> apply = [](std::optional<Value>&) {};
};

/// The entities of one kind that a shard holds: hot ones in memory, the others loaded when asked for.
template <class Key, class Value>
class entity_store {
public:
  using map = hot_map<Key, Value>;
  using to_load_key = std::function<load_key(const Key&)>;
  using to_value = std::function<std::optional<Value>(load_value&&)>;

  entity_store(shard_core& core, typename map::limits bounds, to_load_key load_key_of,
               to_value value_of)
    : core_(core),
      hot_(bounds),
      load_key_of_(std::move(load_key_of)),
      value_of_(std::move(value_of)) {}

  map& hot() noexcept { return hot_; }

  /// The entity when it can be read at once.
  Value* peek(const Key& key) { return hot_.peek(key); }

  /// Gives the entity to `use`, at once or after a load or a write.
  void with(const Key& key, shard_core::clock::time_point deadline, typename map::waiter use) {
    if (hot_.with(key, deadline, std::move(use))) load(key);
  }

  /// Ends a write whose effect on the entity is not known: it is read again before anybody sees it.
  void end_write_unknown(const Key& key) {
    if (hot_.end_write_unknown(key)) load(key);
  }

private:
  void load(const Key& key) {
    core_.load(load_key_of_(key), [this, key](load_receipt& receipt) {
      if (receipt.why.code != errc::none)
        hot_.load_failed(key, receipt.why);
      else
        hot_.loaded(key, value_of_(std::move(receipt.value)));
      core_.report(hot_.bytes(), hot_.waiting());
    });
  }

  shard_core& core_;
  map hot_;
  to_load_key load_key_of_;
  to_value value_of_;
};

/// The stored answer of an operation, if it is one for this request.
template <class Answer>
result<outcome<Answer>> replay(const call& c, const stored_operation& stored) {
  if (stored.result.empty())
    return fail(errc::key_reused,
                "The operation with this Idempotency-Key was given up before it was "
                "finished; send it again with a new key.");
  if (stored.request_hash != c.request_hash)
    return fail(errc::key_reused, "This Idempotency-Key was used for another request.");
  auto answer = from_msgpack<Answer>(stored.result);
  if (!answer) return std::unexpected(answer.error());
  return outcome<Answer>{std::move(*answer), true};
}

/// Answers a repeated command that cannot be carried out (any more): an earlier execution may have its
/// answer in the ledger. Without one the answer is `why`.
template <class Answer, class Reply>
void replay_or_refuse(shard_core& core, const call& c, failure why, Reply answer) {
  if (!c.repeated()) return answer(why);
  core.load(load_operation{c.op_id},
            [c, why = std::move(why), answer](load_receipt& found) mutable {
              if (found.why.code != errc::none) return answer(found.why);
              auto* stored = std::get_if<stored_operation>(&found.value);
              if (!stored) return answer(why);
              auto replayed = replay<Answer>(c, *stored);
              if (replayed)
                answer(std::move(*replayed));
              else
                answer(replayed.error());
            });
}

namespace detail {

/// Calls a decision; what it throws becomes an error of its caller, and the actor lives on.
template <class Result, class Decide, class Argument>
Result guarded(Decide& decide, Argument argument) {
  try {
    return decide(argument);
  } catch (const std::exception& thrown) {
    log::error("shard", "decision_threw", {{"what", thrown.what()}});
    return fail(errc::internal);
  }
}

} // namespace detail

/// Carries out a command on one entity. `decide` gets the entity (nullptr: there is none) and gives an
/// `effect` or the reason against it; it must not keep the pointer. Commands on one key run one after
/// the other, on different keys side by side. `answer` is a `reply<outcome<Answer>>` or what is called like
/// one.
template <class Answer, class Key, class Value, class Reply, class Decide>
void run_command(shard_core& core, entity_store<Key, Value>& store, const call& c, const Key& key,
                 Reply answer, Decide decide) {
  operation_mark mark;
  if (c.repeated()) {
    if (!core.begin_operation(c.op_id))
      return answer(failure{errc::operation_in_flight, {}, {}, 1});
    mark = operation_mark{core, c.op_id};
  }
  auto use = [&core, &store, c, key, answer, decide = std::move(decide),
              mark = std::move(mark)](result<Value*> entity) mutable {
    if (!entity) return answer(entity.error());
    auto decided = detail::guarded<result<effect<Answer, Value>>>(decide, *entity);
    const bool from_memory = !decided || (decided->rows.empty() && !c.repeated());
    if (from_memory && !core.may_tell()) return answer(core.cannot_tell());
    if (!decided) return replay_or_refuse<Answer>(core, c, decided.error(), answer);
    if (from_memory) return answer(outcome<Answer>{std::move(decided->answer), false});

    write_unit unit;
    unit.op_id = c.op_id;
    unit.request_hash = c.request_hash;
    unit.result = to_msgpack(decided->answer);
    unit.rows = std::move(decided->rows);
    store.hot().begin_write(key);
    core.write(std::move(unit), [&core, &store, c, key, answer, effect = std::move(*decided),
                                 mark = std::move(mark)](write_receipt& receipt) mutable {
      auto& hot = store.hot();
      switch (receipt.status) {
        case write_status::committed:
          if (receipt.doubtful && c.repeated())
            store.end_write_unknown(key);
          else
            hot.end_write(key, effect.apply);
          answer(outcome<Answer>{std::move(effect.answer), false});
          break;
        case write_status::duplicate: {
          hot.end_write(key);
          auto replayed = replay<Answer>(c, receipt.stored);
          if (replayed)
            answer(std::move(*replayed));
          else
            answer(replayed.error());
          break;
        }
        case write_status::fenced: answer(failure{errc::not_owner, {}, {}, {}}); break;
        case write_status::refused:
          hot.end_write(key);
          answer(receipt.why);
          break;
      }
      core.report(hot.bytes(), hot.waiting());
    });
  };
  store.with(key, c.deadline, std::move(use));
}

/// Reads one entity: `project` makes the answer of it (nullptr: there is none).
template <class Answer, class Key, class Value, class Project>
void run_read(const shard_core& core, entity_store<Key, Value>& store, const call& c,
              const Key& key, reply<Answer> answer, Project project) {
  auto use = [&core, answer, project = std::move(project)](result<Value*> entity) mutable {
    if (!entity) return answer(entity.error());
    if (!core.may_tell()) return answer(core.cannot_tell());
    auto projected = detail::guarded<result<Answer>>(project, *entity);
    if (projected)
      answer(std::move(*projected));
    else
      answer(projected.error());
  };
  store.with(key, c.deadline, std::move(use));
}

} // namespace troupe
