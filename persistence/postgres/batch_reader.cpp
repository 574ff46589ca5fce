#include "persistence/postgres/batch_reader.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <limits>
#include <map>
#include <set>
#include <span>
#include <unordered_map>
#include <utility>

#include "base/log.hpp"
#include "persistence/postgres/statements.hpp"

namespace troupe::postgres {

namespace {

using namespace std::chrono_literals;

/// Loads answered in one round trip at most.
constexpr std::size_t loads_at_once = 512;

/// How long lists leave a replica alone that could not be reached.
constexpr auto replica_pause = 5s;

dial_options options_of(const batch_reader::settings& s) {
  dial_options options;
  options.application_name = to_string(s.incarnation);
  options.connect_timeout = std::chrono::ceil<std::chrono::seconds>(s.limits.connect_timeout);
  options.tcp_user_timeout = s.limits.round_trip_timeout;
  options.statement_timeout = s.limits.statement_timeout;
  if (s.placement == database_placement::citus) {
    options.planner = {{"plan_cache_mode", "force_custom_plan"},
                       {"default_transaction_read_only", "on"}};
    return options;
  }
  // As for lanes: from a handful of keys into an index, and lists in the index's order.
  options.planner = {{"enable_seqscan", "off"},
                     {"enable_hashjoin", "off"},
                     {"enable_mergejoin", "off"},
                     {"plan_cache_mode", "force_generic_plan"},
                     {"default_transaction_read_only", "on"}};
  return options;
}

session_record read_session(const rows& r, std::size_t i, int account_column) {
  const int c = account_column;
  return {.id = r.id(i, c + 1),
          .account_id = r.id(i, c),
          .token_hash = r.hash(i, c + 2),
          .previous_hash = r.hash(i, c + 3),
          .created_at = r.time(i, c + 4),
          .expires_at = r.time(i, c + 5)};
}

/// One round trip's worth of loads: collects the keys by kind, makes the calls, and finds each load's
/// answer in the results. A statement that no load needs is not sent.
class load_plan {
public:
  void add(shard_ref shard, const load_key& key) {
    // What is asked for twice is read once, or its lists would come back doubled.
    if (const auto* player = std::get_if<load_player>(&key)) {
      if (!asked_players_.insert({shard.shard, player->id}).second) return;
      players_.shards.add(shard.shard);
      players_.ids.add(player->id);
      players_.families.add(to_string(shard.fam));
    } else if (const auto* name = std::get_if<load_name>(&key)) {
      name_shards_.add(shard.shard);
      name_keys_.add(std::string_view{name->key});
    } else if (const auto* operation = std::get_if<load_operation>(&key)) {
      operations_.shards.add(shard.shard);
      operations_.families.add(to_string(shard.fam));
      operations_.ids.add(operation->op_id);
    } else if (std::holds_alternative<load_jobs>(key)) {
      if (!asked_jobs_.insert(shard).second) return;
      job_shards_.add(shard.shard);
      job_families_.add(to_string(shard.fam));
    } else if (std::holds_alternative<load_catalog>(key)) {
      catalogs_.insert(shard);
    } else {
      others_.push_back({shard, &key});
    }
  }

  std::vector<call> take_calls() {
    std::vector<call> calls;
    auto send = [&](const statement& what) -> parameters& {
      index_.emplace(&what, calls.size());
      return calls.emplace_back(call{&what, {}}).arguments;
    };
    if (players_.ids.size() > 0) {
      const auto shards = players_.shards.take();
      const auto ids = players_.ids.take();
      const auto families = players_.families.take();
      send(sql::load_players).add(std::string_view{shards}).add(std::string_view{ids});
      send(sql::load_libraries).add(std::string_view{shards}).add(std::string_view{ids});
      send(sql::load_sessions)
        .add(std::string_view{shards})
        .add(std::string_view{families})
        .add(std::string_view{ids});
    }
    if (name_keys_.size() > 0)
      send(sql::load_names).add(std::move(name_shards_)).add(std::move(name_keys_));
    if (operations_.ids.size() > 0)
      send(sql::read_operations)
        .add(std::move(operations_.shards))
        .add(std::move(operations_.families))
        .add(std::move(operations_.ids));
    if (job_shards_.size() > 0)
      send(sql::load_jobs).add(std::move(job_shards_)).add(std::move(job_families_));
    for (auto shard : catalogs_) {
      catalog_at_.emplace(shard, calls.size());
      for (const auto* what : {&sql::load_studios, &sql::load_games, &sql::load_staff})
        calls.emplace_back(call{what, {}}).arguments.add(shard.shard);
      for (const auto* what : {&sql::load_staff_sessions, &sql::find_fence})
        calls.emplace_back(call{what, {}}).arguments.add(shard.shard).add(to_string(shard.fam));
    }
    for (auto& other : others_) {
      other.first = calls.size();
      add_calls_of_providers(other, calls);
    }
    return calls;
  }

  /// Sorts the results by key. Call once, with the results of the calls.
  void digest_results(std::span<const rows> results) {
    auto of = [&](const statement& what) -> const rows* {
      const auto found = index_.find(&what);
      return found == index_.end() ? nullptr : &results[found->second];
    };
    if (const auto* r = of(sql::load_players))
      for (std::size_t i = 0; i < r->size(); ++i)
        images_[{r->int4(i, 0), r->id(i, 1)}].player = {.id = r->id(i, 1),
                                                        .name = r->text(i, 2),
                                                        .password_hash = r->text(i, 3),
                                                        .created_at = r->time(i, 4),
                                                        .version = r->int8(i, 5),
                                                        .deleted = r->boolean(i, 6)};
    if (const auto* r = of(sql::load_libraries))
      for (std::size_t i = 0; i < r->size(); ++i)
        if (auto* image = find(images_, {r->int4(i, 0), r->id(i, 1)}))
          image->library.push_back({r->id(i, 2), r->time(i, 3)});
    if (const auto* r = of(sql::load_sessions))
      for (std::size_t i = 0; i < r->size(); ++i)
        if (auto* image = find(images_, {r->int4(i, 0), r->id(i, 1)}))
          image->sessions.push_back(read_session(*r, i, 1));
    if (const auto* r = of(sql::load_names))
      for (std::size_t i = 0; i < r->size(); ++i)
        names_[{r->int4(i, 0), r->text(i, 1)}] = {
          .key = r->text(i, 1),
          .state = static_cast<name_state>(r->int2(i, 2)),
          .account = {static_cast<account_kind>(r->int2(i, 3)), r->id(i, 4)},
          .op_id = r->id(i, 5)};
    if (const auto* r = of(sql::read_operations))
      for (std::size_t i = 0; i < r->size(); ++i)
        if (const auto fam = parse_family(r->bytes(i, 1)))
          stored_[{shard_ref{*fam, r->int4(i, 0)}, r->id(i, 2)}] = {r->hash(i, 3), r->text(i, 4)};
    if (const auto* r = of(sql::load_jobs))
      for (std::size_t i = 0; i < r->size(); ++i)
        if (const auto fam = parse_family(r->bytes(i, 1)))
          jobs_[shard_ref{*fam, r->int4(i, 0)}].push_back(
            {.id = r->id(i, 2), .kind = r->text(i, 3), .payload = r->text(i, 4)});
    for (const auto& [shard, first] : catalog_at_)
      if (results[first + 4].size() > 0) catalog_images_[shard] = read_catalog(results, first);
    for (auto& other : others_) other.value = read_providers(other, results);
  }

  load_value answer(shard_ref shard, const load_key& key) const {
    auto pick = [](const auto* found) -> load_value {
      if (found == nullptr) return std::monostate{};
      return *found;
    };
    if (const auto* player = std::get_if<load_player>(&key))
      return pick(find(images_, {shard.shard, player->id}));
    if (const auto* name = std::get_if<load_name>(&key))
      return pick(find(names_, {shard.shard, name->key}));
    if (const auto* operation = std::get_if<load_operation>(&key))
      return pick(find(stored_, {shard, operation->op_id}));
    if (std::holds_alternative<load_jobs>(key)) {
      const auto* found = find(jobs_, shard);
      return found != nullptr ? *found : std::vector<job_record>{};
    }
    if (std::holds_alternative<load_catalog>(key)) return pick(find(catalog_images_, shard));
    const auto other = std::ranges::find(others_, &key, &single_load::key);
    return other == others_.end() ? load_value{} : other->value;
  }

private:
  struct ids_of_shards {
    array_parameter shards{element::int4};
    array_parameter families{element::text};
    array_parameter ids{element::uuid};
  };

  /// A load with calls of its own.
  struct single_load {
    shard_ref shard;
    const load_key* key; ///< the one that was added: it stays where it is until it is answered
    std::size_t first = 0;
    load_value value;
  };

  static void add_calls_of_providers(const single_load& load, std::vector<call>& calls) {
    const auto shard = load.shard.shard;
    auto send = [&](const statement& what) -> parameters& {
      return calls.emplace_back(call{&what, {}}).arguments.add(shard);
    };
    const auto fence = [&] { send(sql::find_fence).add(to_string(load.shard.fam)); };
    if (const auto* news = std::get_if<load_event_news>(load.key)) {
      send(sql::load_providers).add(news->after);
      send(sql::load_events).add(news->after).add(news->limit + 1);
      fence();
    } else if (const auto* history = std::get_if<load_event_history>(load.key)) {
      send(sql::load_event_changes).add(history->event_id).add(history->before).add(history->limit);
    } else if (const auto* piece = std::get_if<load_answer_piece>(load.key)) {
      send(sql::load_answer_piece).add(piece->provider_id).add(piece->place);
    } else {
      send(sql::load_providers).add(std::int64_t{0});
      send(sql::load_progress);
      send(sql::load_events).add(std::int64_t{0}).add(std::numeric_limits<std::int32_t>::max());
      fence();
    }
  }

  static load_value read_providers(const single_load& load, std::span<const rows> all) {
    const auto results = all.subspan(load.first);
    if (const auto* news = std::get_if<load_event_news>(load.key)) {
      if (results[2].size() == 0) return std::monostate{}; // the shard is elsewhere
      event_news found{read_provider_rows(results[0]), read_events(results[1]), false};
      if (found.events.size() > static_cast<std::size_t>(news->limit)) {
        found.events.pop_back();
        found.more = true;
      }
      return found;
    }
    if (const auto* history = std::get_if<load_event_history>(load.key)) {
      std::vector<event_change_record> changes;
      for (std::size_t i = 0; i < results[0].size(); ++i)
        changes.push_back({history->event_id, results[0].int8(i, 0), results[0].time(i, 1),
                           results[0].text(i, 2), results[0].text(i, 3)});
      return changes;
    }
    if (const auto* piece = std::get_if<load_answer_piece>(load.key)) {
      const auto& found = results[0];
      if (found.size() == 0 || found.int4(0, 0) != piece->place) return std::monostate{};
      return kept_piece{found.text(0, 1), found.size() > 1};
    }
    if (results[3].size() == 0) return std::monostate{};
    providers_image image{read_provider_rows(results[0]), {}, read_events(results[2])};
    for (std::size_t i = 0; i < results[1].size(); ++i)
      image.progress.push_back({results[1].id(i, 0), results[1].text(i, 1), results[1].text(i, 2)});
    return image;
  }

  static std::vector<provider_record> read_provider_rows(const rows& r) {
    std::vector<provider_record> found;
    found.reserve(r.size());
    for (std::size_t i = 0; i < r.size(); ++i)
      found.push_back({.id = r.id(i, 0),
                       .name = r.text(i, 1),
                       .url = r.text(i, 2),
                       .format = r.text(i, 3),
                       .interval_s = static_cast<std::uint32_t>(r.int4(i, 4)),
                       .time_zone = r.text(i, 5),
                       .paused = r.boolean(i, 6),
                       .deleted = r.boolean(i, 7),
                       .created_at = r.time(i, 8),
                       .version = r.int8(i, 9),
                       .seq = r.int8(i, 10)});
    return found;
  }

  static std::vector<event_record> read_events(const rows& r) {
    std::vector<event_record> found;
    found.reserve(r.size());
    for (std::size_t i = 0; i < r.size(); ++i) {
      const auto number = [&](int column) {
        return r.is_null(i, column) ? std::nullopt : std::optional{r.int8(i, column)};
      };
      const auto short_digest = [&](int column) {
        std::array<std::uint8_t, 16> value{};
        std::ranges::copy_n(
          r.bytes(i, column).begin(),
          static_cast<std::ptrdiff_t>(std::min(value.size(), r.bytes(i, column).size())),
          value.begin());
        return value;
      };
      found.push_back({.id = r.id(i, 3),
                       .provider_id = r.id(i, 0),
                       .base_id = r.text(i, 1),
                       .event_id = r.text(i, 2),
                       .title = r.text(i, 4),
                       .organizer_id = r.is_null(i, 5) ? std::nullopt : std::optional{r.text(i, 5)},
                       .starts_at = r.int8(i, 6),
                       .ends_at = r.int8(i, 7),
                       .sell_from = number(8),
                       .sell_to = number(9),
                       .sold_out = r.boolean(i, 10),
                       .online = r.boolean(i, 11),
                       .ever_online = r.boolean(i, 12),
                       .in_feed = r.boolean(i, 13),
                       .min_price = number(14),
                       .max_price = number(15),
                       .min_available_price = number(16),
                       .max_available_price = number(17),
                       .zone_count = r.int4(i, 18),
                       .zones_digest = short_digest(19),
                       .content_digest = short_digest(20),
                       .first_seen_at = r.time(i, 21),
                       .changed_at = r.time(i, 22),
                       .version = r.int8(i, 23),
                       .seq = r.int8(i, 24)});
    }
    return found;
  }

  template <class Map>
  static auto find(Map& map, const typename Map::key_type& key) -> decltype(&map.begin()->second) {
    const auto found = map.find(key);
    return found == map.end() ? nullptr : &found->second;
  }

  static catalog_image read_catalog(std::span<const rows> results, std::size_t first) {
    catalog_image image;
    const auto& studios = results[first];
    for (std::size_t i = 0; i < studios.size(); ++i)
      image.studios.push_back({studios.id(i, 0), studios.text(i, 1), studios.time(i, 2)});
    const auto& games = results[first + 1];
    for (std::size_t i = 0; i < games.size(); ++i)
      image.games.push_back({games.id(i, 0), games.id(i, 1), games.text(i, 2), games.time(i, 3)});
    const auto& staff = results[first + 2];
    for (std::size_t i = 0; i < staff.size(); ++i)
      image.staff.push_back(
        {.id = staff.id(i, 0),
         .username = staff.text(i, 1),
         .password_hash = staff.text(i, 2),
         .role = static_cast<staff_role>(staff.int2(i, 3)),
         .studio_id = staff.is_null(i, 4) ? std::nullopt : std::optional{staff.id(i, 4)},
         .created_at = staff.time(i, 5)});
    const auto& sessions = results[first + 3];
    for (std::size_t i = 0; i < sessions.size(); ++i)
      image.sessions.push_back(read_session(sessions, i, 0));
    return image;
  }

  ids_of_shards players_;
  ids_of_shards operations_;
  array_parameter name_shards_{element::int4};
  array_parameter name_keys_{element::text};
  array_parameter job_shards_{element::int4};
  array_parameter job_families_{element::text};
  std::set<shard_ref> catalogs_;
  std::set<std::pair<std::int32_t, uuid>> asked_players_;
  std::set<shard_ref> asked_jobs_;

  std::map<const statement*, std::size_t> index_;
  std::map<shard_ref, std::size_t> catalog_at_;

  std::map<std::pair<std::int32_t, uuid>, player_image> images_;
  std::map<std::pair<std::int32_t, std::string>, name_record> names_;
  std::map<std::pair<shard_ref, uuid>, stored_operation> stored_;
  std::map<shard_ref, std::vector<job_record>> jobs_;
  std::map<shard_ref, catalog_image> catalog_images_;
  std::vector<single_load> others_;
};

failure because(errc code) { return {code, {}, {}, std::nullopt}; }

} // namespace

batch_reader::batch_reader(settings options, watchdog& dog, reader_probe& probe)
  : options_(std::move(options)),
    probe_(probe),
    primary_(options_.dsn, options_of(options_), options_.limits.round_trip_timeout, dog,
             options_.placement),
    jitter_(std::hash<uuid>{}(options_.incarnation) ^ std::hash<std::string>{}(options_.label)) {
  if (!options_.replica_dsn.empty())
    replica_.emplace(options_.replica_dsn, options_of(options_), options_.limits.round_trip_timeout,
                     dog, options_.placement);
}

std::uint64_t batch_reader::load(shard_ref shard, load_key key) {
  waiting_.push_back({next_number_, shard, std::move(key), clock::now()});
  return next_number_++;
}

batch_reader::progress batch_reader::advance() {
  progress out;
  if (clock::now() >= resume_at_) {
    if (!connected())
      connect();
    else if (!idle())
      read(out);
  }
  expire(out);
  if (!idle() || !connected()) {
    const auto now = clock::now();
    out.again_in = now < resume_at_ ? std::chrono::ceil<std::chrono::milliseconds>(resume_at_ - now)
                                    : 0ms;
  }
  return out;
}

void batch_reader::connect() {
  if (const auto opened = primary_.open(); !opened) {
    log::warn("reader", "connect_failed", {{"reader", options_.label}, {"why", opened.error()}});
    back_off();
    return;
  }
  probe_.connected();
  backoff_ = 0ms;
  log::info("reader", "connected", {{"reader", options_.label}});
}

void batch_reader::back_off() {
  backoff_ = std::clamp(backoff_ * 2, options_.limits.backoff_min, options_.limits.backoff_max);
  std::uniform_int_distribution<std::int64_t> spread{backoff_.count() / 2, backoff_.count()};
  resume_at_ = clock::now() + std::chrono::milliseconds{spread(jitter_)};
}

void batch_reader::note(const sql_failure& why) {
  log::warn("reader", why.lost ? "connection_lost" : "statement_failed",
            {{"reader", options_.label},
             {"statement", why.statement},
             {"sqlstate", why.sqlstate},
             {"why", why.message}});
}

void batch_reader::read(progress& out) {
  const auto began = clock::now();
  const auto count = std::min(waiting_.size(), loads_at_once);
  // On Citus a statement is about one shard, so there each has a plan of its own.
  std::map<std::int32_t, load_plan> plans;
  const auto plan_of = [&](shard_ref shard) -> load_plan& {
    return plans[options_.placement == database_placement::citus ? shard.shard : 0];
  };
  for (std::size_t i = 0; i < count; ++i)
    plan_of(waiting_[i].shard).add(waiting_[i].shard, waiting_[i].key);
  std::vector<call> calls;
  std::vector<std::size_t> ends;
  for (auto& [shard, plan] : plans) {
    std::ranges::move(plan.take_calls(), std::back_inserter(calls));
    ends.push_back(calls.size());
  }
  const auto results = primary_.run(calls);
  if (!results) {
    note(results.error());
    if (results.error().lost) return; // the loads wait for the next connection
    // Reading changes nothing, so there is no bad load to be found: the server cannot do it now.
    back_off();
    return;
  }
  std::size_t begin = 0;
  for (std::size_t i = 0; auto& [shard, plan] : plans) {
    plan.digest_results(std::span{*results}.subspan(begin, ends[i] - begin));
    begin = ends[i++];
  }
  for (std::size_t i = 0; i < count; ++i) {
    const auto& item = waiting_.front();
    out.loads.push_back(
      {.ticket = item.number, .value = plan_of(item.shard).answer(item.shard, item.key)});
    waiting_.pop_front();
  }
  backoff_ = 0ms;
  probe_.batch_read(count, clock::now() - began);
}

void batch_reader::expire(progress& out) {
  const auto oldest = clock::now() - options_.limits.unit_wait;
  while (!waiting_.empty() && waiting_.front().arrived < oldest) {
    out.loads.push_back(
      {.ticket = waiting_.front().number, .why = because(errc::storage_unavailable)});
    probe_.request_failed(1);
    waiting_.pop_front();
  }
}

// -- reads over all shards ----------------------------------------------------------------------------

result<rows> batch_reader::read_anywhere(const call& question) {
  const std::array calls{question};
  const auto began = clock::now();
  if (replica_ && began >= replica_retry_at_) {
    if (!replica_->is_open())
      if (const auto opened = replica_->open(); !opened)
        log::warn("reader", "replica_away", {{"reader", options_.label}, {"why", opened.error()}});
    if (replica_->is_open()) {
      auto answer = replica_->run(calls);
      if (answer) {
        probe_.batch_read(1, clock::now() - began);
        return std::move(answer->front());
      }
      note(answer.error());
    }
    replica_retry_at_ = clock::now() + replica_pause;
  }
  // A connection that was lost while idle is noticed by its next use only: one more try.
  for (int attempt = 0; attempt < 2; ++attempt) {
    if (!connected()) {
      if (clock::now() < resume_at_) break;
      connect();
      if (!connected()) break;
    }
    auto answer = primary_.run(calls);
    if (answer) {
      probe_.batch_read(1, clock::now() - began);
      return std::move(answer->front());
    }
    note(answer.error());
    if (!answer.error().lost) break;
  }
  probe_.request_failed(1);
  return fail(errc::storage_unavailable);
}

result<registrations> batch_reader::list(const list_registrations& page) {
  array_parameter games{element::uuid};
  const auto after = page.after.value_or(std::pair{uuid{}, uuid{}});
  for (const auto& game : page.game_ids)
    if (game >= after.first) games.add(game);
  registrations found;
  if (games.size() == 0) return found;
  call question{&sql::list_registrations, {}};
  question.arguments.add(std::move(games)).add(after.first).add(after.second);
  question.arguments.add(static_cast<std::int32_t>(page.limit));
  const auto answer = read_anywhere(question);
  if (!answer) return std::unexpected(answer.error());
  for (std::size_t i = 0; i < answer->size(); ++i)
    found.items.push_back({answer->id(i, 0), answer->id(i, 1), answer->text(i, 2)});
  return found;
}

result<counters> batch_reader::sum(const sum_counters& games) {
  array_parameter ids{element::uuid};
  for (const auto& game : games.game_ids) ids.add(game);
  counters found;
  if (ids.size() == 0) return found;
  call question{&sql::sum_counters, {}};
  question.arguments.add(std::move(ids));
  const auto answer = read_anywhere(question);
  if (!answer) return std::unexpected(answer.error());
  for (std::size_t i = 0; i < answer->size(); ++i)
    found.items.push_back({answer->id(i, 0), answer->int8(i, 1)});
  return found;
}

} // namespace troupe::postgres
