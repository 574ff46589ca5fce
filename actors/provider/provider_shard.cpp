#include "actors/provider/provider_shard.hpp"

#include <algorithm>
#include <map>
#include <random>
#include <unordered_set>
#include <utility>
#include <vector>

#include "actors/provider/circuit.hpp"
#include "actors/provider/feed/feed_format.hpp"
#include "actors/provider/provider_entity.hpp"
#include "actors/provider/searchable.hpp"
#include "actors/shard/shard_command.hpp"
#include "actors/shard/shard_handlers.hpp"
#include "base/log.hpp"
#include "base/msgpack.hpp"

namespace troupe {

namespace {

using namespace std::chrono_literals;

/// All providers of a shard are one entity: their commands run one after the other.
constexpr int the_providers = 0;

constexpr auto look_interval = 500ms;                 ///< how often the shard looks for what is due
constexpr auto command_time = 30s;                    ///< for what a fetcher asks
constexpr auto answer_margin = look_interval + 300ms; ///< before a deadline a running fetch is told
constexpr std::size_t kept_rejects = 1'000;
constexpr std::size_t missing_at_once = 1'000;
constexpr std::size_t waiting_at_once = 100; ///< for the end of one fetch

class provider_shard {
public:
  using self_pointer = provider_shard_actor::pointer;
  using clock = std::chrono::steady_clock;

  provider_shard(self_pointer self, shard_settings settings, provider_dependencies dependencies)
    : self_(self),
      dependencies_(std::move(dependencies)),
      probe_(*dependencies_.metrics),
      random_(std::hash<shard_ref>{}(settings.ref) ^ std::hash<uuid>{}(settings.incarnation)),
      core_(self, caf::actor_cast<shard_client>(self), settings, hooks()),
      entities_(
        core_, {.bytes = std::numeric_limits<std::size_t>::max(), .waiters_per_key = 1024},
        [](int) -> load_key { return load_providers{}; },
        [](load_value&& value) -> std::optional<providers_entity> {
          auto* image = std::get_if<providers_image>(&value);
          return providers_entity{image ? std::move(*image) : providers_image{}};
        }) {}

  shard_core& core() noexcept { return core_; }
  self_pointer self() const noexcept { return self_; }

  template <class Answer, class Request>
  void command(const call& c, const Request& request, reply<outcome<Answer>> answer) {
    if (auto wrong = check(request); wrong.code != errc::none) return answer(wrong);
    run_command<Answer>(
      core_, entities_, c, the_providers, std::move(answer),
      [this, request](const providers_entity* all) { return telling(decide(all, request)); });
  }

  template <class Answer, class Project>
  void read(const call& c, reply<Answer> answer, Project project) {
    run_read<Answer>(core_, entities_, c, the_providers, std::move(answer), std::move(project));
  }

  result<provider_seen> see(const providers_entity* all, const uuid& id) const {
    const auto* known = all->find(id);
    if (!known) return fail(errc::no_such_provider);
    return seen(*known);
  }

  provider_seen seen(const known_provider& known) const {
    auto shown = view_of(known);
    if (const auto found = running_.find(known.record.id); found != running_.end()) {
      shown.fetch.running = true;
      shown.fetch.started_at = found->second.started_at;
      shown.circuit = circuit_of(shown.fetch);
    }
    return shown;
  }

  void history(const call& c, const read_event_history& request, reply<event_history> answer) {
    const auto before = request.before > 0 ? request.before
                                           : std::numeric_limits<std::int64_t>::max();
    const auto limit = std::clamp<std::uint32_t>(request.limit, 1, 100);
    core_.load(load_event_history{request.event_id, before, static_cast<std::int32_t>(limit + 1)},
               [c, limit, answer](load_receipt& receipt) mutable {
                 if (receipt.why.code != errc::none) return answer(receipt.why);
                 auto* rows = std::get_if<std::vector<event_change_record>>(&receipt.value);
                 if (!rows || rows->empty())
                   return answer(failure{errc::no_such_event, {}, {}, {}});
                 event_history found;
                 found.more = rows->size() > limit;
                 if (found.more) rows->pop_back();
                 for (const auto& row : *rows) found.items.push_back(change_of(row));
                 answer(std::move(found));
               });
  }

  void kept_answer(const read_answer_piece& request, reply<answer_piece> answer) {
    core_.load(load_answer_piece{request.id, static_cast<std::int32_t>(request.place)},
               [answer](load_receipt& receipt) mutable {
                 if (receipt.why.code != errc::none) return answer(receipt.why);
                 auto* found = std::get_if<kept_piece>(&receipt.value);
                 if (!found) return answer(failure{errc::not_found, {}, {}, {}});
                 answer(answer_piece{std::move(found->bytes), found->more});
               });
  }

  void fetch_now(const call& c, const uuid& id, reply<provider_seen> answer) {
    if (const auto found = running_.find(id); found != running_.end())
      return wait(found->second, c, std::move(answer));
    auto use = [this, c, id, answer](result<providers_entity*> all) mutable {
      if (!all) return answer(all.error());
      const auto* known = (*all)->find(id);
      if (!known) return answer(failure{errc::no_such_provider, {}, {}, {}});
      if (!running_.contains(id) && !begin(*known))
        return answer(failure{errc::overloaded, "as many fetches run as may", {}, 1});
      wait(running_.at(id), c, std::move(answer));
    };
    entities_.with(the_providers, c.deadline, std::move(use));
  }

  // -- what fetchers say ----------------------------------------------------------------------------

  caf::result<outcome<events_stored>> store(store_events& batch) {
    auto* run = running(batch.provider_id, batch.fetch);
    if (!run) return to_caf_error(failure{errc::not_found, {}, {}, {}});
    for (const auto& event : batch.events) run->seen.insert({event.base_id, event.id});
    for (auto& reject : batch.rejects) {
      run->seen.insert({reject.base_id, reject.id});
      if (run->rejects.items.size() < kept_rejects) run->rejects.items.push_back(std::move(reject));
    }
    batch.rejects.clear();
    return internal<events_stored>([this, batch = std::move(batch)](const providers_entity* all) {
      return telling(decide(all, batch, now()));
    });
  }

  caf::result<outcome<events_stored>> drop(const drop_missing& m) {
    if (!running(m.provider_id, m.fetch)) return to_caf_error(failure{errc::not_found, {}, {}, {}});
    return internal<events_stored>([this, id = m.provider_id](const providers_entity* all) {
      std::vector<event_key> gone;
      const auto* known = all->find(id);
      const auto run = running_.find(id);
      if (known && run != running_.end())
        for (const auto& [key, event] : known->events) {
          if (!event.summary.in_feed || run->second.seen.contains(key)) continue;
          gone.push_back(key);
          if (gone.size() == missing_at_once) break;
        }
      return telling(decide_left(all, id, gone, now()));
    });
  }

  caf::result<outcome<events_stored>> keep(keep_answer& m) {
    if (!running(m.provider_id, m.fetch)) return to_caf_error(failure{errc::not_found, {}, {}, {}});
    return internal<events_stored>(
      [m = std::move(m)](const providers_entity* all) { return decide(all, m); });
  }

  caf::result<outcome<provider_seen>> end(end_fetch& m) {
    if (!running(m.provider_id, m.fetch)) return to_caf_error(failure{errc::not_found, {}, {}, {}});
    auto run = std::move(running_.extract(m.provider_id).mapped());
    m.rejects = to_msgpack(run.rejects);
    m.started_at = run.started_at;
    m.url = run.shown.url;
    m.asked_format = run.shown.format;
    log::info("provider", m.failure.empty() ? "fetched" : "fetch_failed",
              {{"provider", to_string(m.provider_id)},
               {"failure", m.failure},
               {"detail", m.detail},
               {"events", m.events},
               {"rejected", m.rejected},
               {"changed", m.changed},
               {"ms", m.took_ms}});
    probe_.ended(m.provider_id, m);
    plan_next(m, run);
    auto promise = self_->make_response_promise<outcome<provider_seen>>();
    run_internal<provider_seen>(
      end_answer{reply<outcome<provider_seen>>{promise}, std::move(run.waiting)},
      [m](const providers_entity* all) { return decide(all, m, now()); });
    return promise;
  }

  // -- time -----------------------------------------------------------------------------------------

  void look() {
    self_->delayed_send(self_, look_interval, fetch_due{});
    const auto when = time();
    for (auto& [id, run] : running_)
      std::erase_if(run.waiting, [&](waiting_answer& one) {
        if (one.until > when) return false;
        one.answer(run.shown);
        return true;
      });
    // In turn behind writes under way, which a large fetch makes one after the other.
    if (!core_.active() || std::exchange(looking_, true)) return;
    entities_.with(the_providers, clock::time_point::max(), [this](result<providers_entity*> all) {
      looking_ = false;
      if (!all) return;
      show(**all);
      begin_due(**all);
    });
  }

private:
  struct waiting_answer {
    clock::time_point until;
    reply<provider_seen> answer;
  };
  struct running_fetch {
    std::uint64_t number = 0;
    timestamp started_at;
    provider_seen shown; ///< as it is while the fetch runs
    clock::time_point began;
    std::uint32_t failures = 0; ///< before it
    std::chrono::seconds interval{0};
    std::int64_t version = 0; ///< of the provider's record then
    std::unordered_set<event_key, event_key_hash> seen;
    provider_rejects rejects;
    std::vector<waiting_answer> waiting;
  };

  /// Tells a fetcher that its end is stored, or why it is not, and everybody who waits for that.
  struct end_answer {
    reply<outcome<provider_seen>> fetcher;
    std::vector<waiting_answer> waiting;

    void operator()(outcome<provider_seen> ended) {
      for (auto& one : waiting) one.answer(ended.value);
      fetcher(std::move(ended));
    }
    void operator()(const failure& why) {
      for (auto& one : waiting) one.answer(why);
      fetcher(why);
    }
  };
  /// When a provider is fetched next, as its record of one version wants it.
  struct next_fetch {
    std::int64_t version = 0;
    clock::time_point due;
  };

  void wait(running_fetch& run, const call& c, reply<provider_seen> answer) {
    if (run.waiting.size() >= waiting_at_once) return answer(failure{errc::overloaded, {}, {}, 1});
    run.waiting.push_back({c.deadline - answer_margin, std::move(answer)});
  }

  shard_core::hooks hooks() {
    return {
      .load =
        [this](std::function<void(bool)> ready) {
          entities_.with(the_providers, clock::time_point::max(),
                         [ready = std::move(ready)](result<providers_entity*> loaded) {
                           ready(loaded.has_value());
                         });
        },
      .run_job = [](const job_record&, std::function<void(bool)> done) { done(true); },
      .drop =
        [this](const failure& why) {
          for (auto& [id, run] : std::exchange(running_, {}))
            for (auto& one : run.waiting) one.answer(why);
          due_.clear();
          probe_.forget_all();
          looking_ = false;
          entities_.hot().clear(why);
        },
    };
  }

  /// Says that something is new once it is durable.
  template <class Answer>
  result<providers_effect<Answer>> telling(result<providers_effect<Answer>> decided) {
    if (decided)
      decided->apply =
        [this, apply = std::move(decided->apply)](std::optional<providers_entity>& all) mutable {
          const auto before = all->last_seq;
          apply(all);
          if (all->last_seq != before && dependencies_.on_change) dependencies_.on_change();
        };
    return decided;
  }

  /// A command that no client sent.
  template <class Answer, class Reply, class Decide>
  void run_internal(Reply answer, Decide decide) {
    call c;
    c.op_id = make_uuid_v7();
    c.deadline = time() + command_time;
    run_command<Answer>(core_, entities_, c, the_providers, std::move(answer), std::move(decide));
  }

  template <class Answer, class Decide>
  caf::result<outcome<Answer>> internal(Decide decide) {
    auto promise = self_->make_response_promise<outcome<Answer>>();
    run_internal<Answer>(reply<outcome<Answer>>{promise}, std::move(decide));
    return promise;
  }

  running_fetch* running(const uuid& id, std::uint64_t number) {
    const auto found = running_.find(id);
    return found == running_.end() || found->second.number != number ? nullptr : &found->second;
  }

  /// Which providers there are, to the metrics.
  void show(const providers_entity& all) {
    for (const auto& [id, known] : all.providers) {
      if (known.record.deleted)
        probe_.forget(id);
      else
        probe_.known(id, known.record.name, known.progress.succeeded_at);
    }
  }

  void begin_due(const providers_entity& all) {
    const auto when = time();
    for (const auto& [id, known] : all.providers) {
      if (known.record.deleted || known.record.paused || running_.contains(id)) continue;
      auto& next = due_[id];
      // Its interval may be another one since.
      if (next.version != known.record.version)
        next = {known.record.version, first_due(known, when)};
      if (next.due <= when && !begin(known)) break; // no more may run now
    }
  }

  bool begin(const known_provider& known) {
    const auto& record = known.record;
    fetch_order order;
    order.provider_id = record.id;
    order.provider = record.name;
    order.number = ++last_number_;
    order.request.url = record.url;
    order.request.if_none_match = known.progress.etag;
    order.request.if_modified_since = known.progress.last_modified;
    order.format = record.format;
    order.answer_digest = known.progress.answer_digest;
    if (!dependencies_.start_fetch(std::move(order), caf::actor_cast<fetch_listener>(self_)))
      return false;
    probe_.known(record.id, record.name, known.progress.succeeded_at);
    auto& run = running_[record.id];
    run.number = last_number_;
    run.started_at = now();
    run.began = time();
    run.failures = known.progress.failures;
    run.interval = std::chrono::seconds{record.interval_s};
    run.version = record.version;
    run.shown = seen(known);
    return true;
  }

  /// What the gateway cannot know: which addresses, formats and zones there are. The detail is the pointer of
  /// the first wrong field, a space, and what is wrong.
  failure check(const auto& request) const {
    failure wrong{errc::none, {}, {}, {}};
    const auto refuse = [&wrong](std::string_view field, const std::string& why) {
      if (wrong.detail.empty()) wrong.detail = std::string{field} + ' ' + why;
    };
    if constexpr (requires { request.url; }) {
      const std::optional<std::string> url{request.url};
      const std::optional<std::string> format{request.format};
      const std::optional<std::string> zone{request.time_zone};
      if (url)
        if (auto valid = provider::validate_provider_url(*url, dependencies_.allow_private); !valid)
          refuse("/url", valid.error().detail);
      if (format && !format->empty() && !find_feed_format(*format))
        refuse("/format", "is none of " + feed_format_names());
      if (zone && !find_zone(*zone)) refuse("/time_zone", "is no time zone that IANA's data has");
    }
    if (!wrong.detail.empty()) wrong.code = errc::invalid_field;
    return wrong;
  }

  clock::time_point time() const { return self_->clock().now(); }
  double chance() { return std::uniform_real_distribution<>{}(random_); }

  /// By the wall clock, so that a new owner keeps the interval; a clock that jumps costs one interval.
  clock::time_point first_due(const known_provider& known, clock::time_point when) {
    if (!known.progress.started_at) return when;
    const std::chrono::milliseconds interval = std::chrono::seconds{known.record.interval_s};
    const std::chrono::milliseconds passed{now().unix_ms - known.progress.started_at->unix_ms};
    return when + std::clamp(interval - passed, std::chrono::milliseconds{0}, interval);
  }

  void plan_next(const end_fetch& m, const running_fetch& run) {
    auto& next = due_[m.provider_id];
    next = {run.version, run.began + run.interval};
    if (m.failure.empty()) return;
    fetch_progress progress;
    progress.failures = run.failures + 1;
    auto pause = pause_after_failure(progress, run.interval, chance());
    if (m.retry_after) pause = std::max<std::chrono::milliseconds>(pause, *m.retry_after);
    next.due = time() + pause;
  }

  static event_change change_of(const event_change_record& row) {
    event_change change;
    change.version = row.version;
    change.at = row.at;
    for (std::string_view rest{row.changed}; !rest.empty();) {
      const auto word = rest.substr(0, rest.find(' '));
      change.changed.emplace_back(word);
      rest.remove_prefix(std::min(rest.size(), word.size() + 1));
    }
    if (auto values = from_msgpack<event_values>(row.state)) change.values = std::move(*values);
    return change;
  }

  self_pointer self_;
  provider_dependencies dependencies_;
  fetch_probe probe_;
  std::minstd_rand random_;
  std::map<uuid, running_fetch> running_;
  std::map<uuid, next_fetch> due_;
  std::uint64_t last_number_ = 0;
  bool looking_ = false; ///< in line for the providers
  shard_core core_;
  entity_store<int, providers_entity> entities_;
};

struct provider_shard_state {
  static inline const char* name = "provider-shard";
  std::unique_ptr<provider_shard> shard;
};

provider_shard_actor::behavior_type provider_shard_behavior(
  provider_shard_actor::stateful_pointer<provider_shard_state> self, shard_settings settings,
  provider_dependencies dependencies) {
  self->state.shard = std::make_unique<provider_shard>(self, std::move(settings),
                                                       std::move(dependencies));
  auto& shard = *self->state.shard;
  self->send(self, fetch_due{});
  return {
    [&shard](const call& c, const create_provider& m) {
      return admitted<outcome<provider_seen>>(shard, c, [&shard, c, m](auto answer) {
        shard.command<provider_seen>(c, m, std::move(answer));
      });
    },
    [&shard](const call& c, const change_provider& m) {
      return admitted<outcome<provider_seen>>(shard, c, [&shard, c, m](auto answer) {
        shard.command<provider_seen>(c, m, std::move(answer));
      });
    },
    [&shard](const call& c, const delete_provider& m) {
      return admitted<outcome<provider_deleted>>(shard, c, [&shard, c, m](auto answer) {
        shard.command<provider_deleted>(c, m, std::move(answer));
      });
    },
    [&shard](const call& c, const read_provider& m) {
      return admitted<provider_seen>(shard, c, [&shard, c, m](auto answer) {
        shard.read<provider_seen>(c, std::move(answer), [&shard, m](const providers_entity* all) {
          return shard.see(all, m.id);
        });
      });
    },
    [&shard](const call& c, const list_providers&) {
      return admitted<provider_list>(shard, c, [&shard, c](auto answer) {
        shard.read<provider_list>(c, std::move(answer),
                                  [&shard](const providers_entity* all) -> result<provider_list> {
                                    provider_list list;
                                    for (const auto& [id, known] : all->providers)
                                      if (!known.record.deleted)
                                        list.items.push_back(shard.seen(known));
                                    return list;
                                  });
      });
    },
    [&shard](const call& c, const fetch_provider& m) {
      return admitted<provider_seen>(
        shard, c, [&shard, c, m](auto answer) { shard.fetch_now(c, m.id, std::move(answer)); });
    },
    [&shard](const call& c, const read_rejects& m) {
      return admitted<provider_rejects>(shard, c, [&shard, c, m](auto answer) {
        shard.read<provider_rejects>(c, std::move(answer),
                                     [m](const providers_entity* all) -> result<provider_rejects> {
                                       const auto* known = all->find(m.id);
                                       if (!known) return fail(errc::no_such_provider);
                                       if (known->rejects.empty()) return provider_rejects{};
                                       return from_msgpack<provider_rejects>(known->rejects);
                                     });
      });
    },
    [&shard](const call& c, const read_event_history& m) {
      return admitted<event_history>(
        shard, c, [&shard, c, m](auto answer) { shard.history(c, m, std::move(answer)); });
    },
    [&shard](const call& c, const read_answer_piece& m) {
      return admitted<answer_piece>(
        shard, c, [&shard, m](auto answer) { shard.kept_answer(m, std::move(answer)); });
    },
    on_write_receipts(shard),
    on_acquire_receipt(shard),
    on_tenure_lost(shard),
    on_load_receipts(shard),
    on_release_shard(shard),
    on_acquire_shard(shard),
    [&shard](store_events& m) { return shard.store(m); },
    [&shard](const drop_missing& m) { return shard.drop(m); },
    [&shard](keep_answer& m) { return shard.keep(m); },
    [&shard](end_fetch& m) { return shard.end(m); },
    [&shard](const fetch_due&) { shard.look(); },
  };
}

} // namespace

provider_shard_actor spawn_provider_shard(caf::actor_system& system, shard_settings settings,
                                          provider_dependencies dependencies) {
  return system.spawn(provider_shard_behavior, std::move(settings), std::move(dependencies));
}

} // namespace troupe
