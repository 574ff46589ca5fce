#include "persistence/postgres/batch_writer.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <ranges>
#include <string_view>

#include "base/log.hpp"
#include "persistence/postgres/row_batch.hpp"
#include "persistence/postgres/statements.hpp"

namespace troupe::postgres {

namespace {

using namespace std::chrono_literals;

/// Attempts to take a fence that others take, too.
constexpr int take_attempts = 5;

dial_options options_of(const batch_writer::settings& s) {
  dial_options options;
  options.application_name = to_string(s.incarnation);
  options.connect_timeout = std::chrono::ceil<std::chrono::seconds>(s.limits.connect_timeout);
  options.tcp_user_timeout = s.limits.round_trip_timeout;
  options.statement_timeout = s.limits.statement_timeout;
  if (s.placement == database_placement::citus) {
    // The coordinator sees which worker a statement is for only with its arguments.
    options.planner = {{"plan_cache_mode", "force_custom_plan"}};
    return options;
  }
  // Every join is from a handful of keys into a primary key. Plans that fit a table of another size
  // (statements are planned once) would be disasters, so they are ruled out.
  options.planner = {{"enable_seqscan", "off"},
                     {"enable_hashjoin", "off"},
                     {"enable_mergejoin", "off"},
                     {"plan_cache_mode", "force_generic_plan"}};
  return options;
}

/// Errors of the server's state rather than of the data: worth another try.
bool passes_by_itself(std::string_view sqlstate) {
  static constexpr std::array classes{
    std::string_view{"08"}, // connection
    std::string_view{"25"}, // transaction state: a standby, mostly
    std::string_view{"40"}, // deadlock
    std::string_view{"53"}, // out of resources
    std::string_view{"55"}, // object in use
    std::string_view{"57"}, // cancelled, shutting down
    std::string_view{"58"}, // I/O
  };
  return std::ranges::any_of(classes, [&](auto c) { return sqlstate.starts_with(c); });
}

constexpr std::string_view query_cancelled = "57014";
constexpr std::string_view division_by_zero = "22012";
constexpr std::string_view unique_violation = "23505";

/// What a batch in one go fails with when a shard was fenced or an operation is known.
bool asks_for_care(const sql_failure& why) {
  return (why.statement == sql::record_all.name || why.statement == sql::guard_fences.name ||
          why.statement == sql::record_new.name) &&
         (why.sqlstate == division_by_zero || why.sqlstate == unique_violation);
}

sql_failure rolled_back() {
  return {.sqlstate = "40000", .message = "the commit rolled back", .statement = sql::commit.name};
}

/// The shards of a statement, and what is known of each, in the order of their keys: every lane of
/// every node locks fences in this order.
struct fence_arrays {
  array_parameter shards{element::int4};
  array_parameter families{element::text};
  array_parameter epochs{element::int8};

  void add(shard_ref shard) {
    shards.add(shard.shard);
    families.add(to_string(shard.fam));
  }
};

bool by_key(shard_ref a, shard_ref b) {
  return std::pair{a.shard, to_string(a.fam)} < std::pair{b.shard, to_string(b.fam)};
}

template <class Units>
std::vector<shard_ref> shards_of(const Units& units) {
  std::vector<shard_ref> shards;
  shards.reserve(units.size());
  for (const auto& item : units) shards.push_back(item.unit->shard);
  std::ranges::sort(shards, by_key);
  const auto rest = std::ranges::unique(shards);
  shards.erase(rest.begin(), rest.end());
  return shards;
}

template <class Units>
void add_ledger_rows(parameters& arguments, const Units& units) {
  array_parameter shards{element::int4};
  array_parameter families{element::text};
  array_parameter ids{element::uuid};
  array_parameter hashes{element::bytea};
  array_parameter results{element::bytea};
  for (const auto& item : units) {
    const auto& unit = *item.unit;
    shards.add(unit.shard.shard);
    families.add(to_string(unit.shard.fam));
    ids.add(unit.op_id);
    hashes.add(unit.request_hash);
    results.add(std::string_view{unit.result});
  }
  arguments.add(std::move(shards)).add(std::move(families)).add(std::move(ids));
  arguments.add(std::move(hashes)).add(std::move(results));
}

template <class Units>
call read_ledger(const Units& units) {
  array_parameter shards{element::int4};
  array_parameter families{element::text};
  array_parameter ids{element::uuid};
  for (const auto& item : units) {
    shards.add(item.unit->shard.shard);
    families.add(to_string(item.unit->shard.fam));
    ids.add(item.unit->op_id);
  }
  call read{&sql::read_operations, {}};
  read.arguments.add(std::move(shards)).add(std::move(families)).add(std::move(ids));
  return read;
}

/// What the ledger holds, by operation id; no two units of a batch have the same.
std::unordered_map<uuid, stored_operation> stored_operations(const rows& found) {
  std::unordered_map<uuid, stored_operation> stored;
  for (std::size_t i = 0; i < found.size(); ++i)
    stored.emplace(found.id(i, 2), stored_operation{found.hash(i, 3), found.text(i, 4)});
  return stored;
}

std::optional<shard_ref> shard_at(const rows& r, std::size_t row, int shard_column,
                                  int family_column) {
  const auto fam = parse_family(r.bytes(row, family_column));
  if (!fam) return std::nullopt;
  return shard_ref{*fam, r.int4(row, shard_column)};
}

std::size_t wire_size(const write_unit& unit) {
  std::size_t size = 64 + unit.result.size();
  for (const auto& change : unit.rows) size += size_of(change);
  return size;
}

failure because(errc code) { return {code, {}, {}, std::nullopt}; }

} // namespace

batch_writer::batch_writer(settings options, watchdog& dog, writer_probe& probe)
  : options_(std::move(options)),
    probe_(probe),
    connection_(options_.dsn, options_of(options_), options_.limits.round_trip_timeout, dog,
                options_.placement),
    jitter_(std::hash<uuid>{}(options_.incarnation) ^ std::hash<std::string>{}(options_.label)) {}

// -- what comes in --------------------------------------------------------------------------------

std::uint64_t batch_writer::write(std::shared_ptr<const write_unit> unit) {
  queue_.emplace_back(unit_item{next_number_, std::move(unit), clock::now()});
  ++waiting_;
  return next_number_++;
}

std::uint64_t batch_writer::acquire(shard_ref shard, std::int64_t seen_epoch) {
  queue_.emplace_back(acquire_item{next_number_, shard, seen_epoch, clock::now()});
  return next_number_++;
}

void batch_writer::release(shard_ref shard, std::int64_t epoch) {
  queue_.emplace_back(release_item{shard, epoch});
}

// -- one step -------------------------------------------------------------------------------------

batch_writer::progress batch_writer::advance() {
  progress out;
  expire(out);
  if (!idle() || !connected()) {
    if (const auto now = clock::now(); now < resume_at_) {
      out.again_in = std::chrono::ceil<std::chrono::milliseconds>(resume_at_ - now);
      return out;
    }
    if (!connected()) {
      connect();
    } else if (doubt_) {
      settle_doubt(out);
    } else if (!retries_.empty()) {
      auto next = std::move(retries_.front());
      retries_.pop_front();
      run_batch(std::move(next), out);
    } else if (std::holds_alternative<unit_item>(queue_.front())) {
      if (const auto pause = pause_before_commit(); pause.count() > 0) {
        out.again_in = pause;
        return out;
      }
      if (auto next = gather(out); !next.empty()) run_batch(std::move(next), out);
    } else if (std::holds_alternative<acquire_item>(queue_.front())) {
      run_acquisitions(out);
    } else {
      run_releases();
    }
  }
  if (!idle() || !connected()) {
    const auto now = clock::now();
    out.again_in = now < resume_at_ ? std::chrono::ceil<std::chrono::milliseconds>(resume_at_ - now)
                                    : std::chrono::milliseconds{0};
  }
  return out;
}

void batch_writer::connect() {
  if (const auto opened = connection_.open(); !opened) {
    log::warn("writer", "connect_failed", {{"lane", options_.label}, {"why", opened.error()}});
    back_off();
    return;
  }
  probe_.connected();
  backoff_ = 0ms;
  log::info("writer", "connected", {{"lane", options_.label}});
}

void batch_writer::back_off() {
  const auto& limits = options_.limits;
  backoff_ = std::clamp(backoff_ * 2, limits.backoff_min, limits.backoff_max);
  // Half to all of it, so that the lanes of many nodes do not come back in step.
  std::uniform_int_distribution<std::int64_t> spread{backoff_.count() / 2, backoff_.count()};
  resume_at_ = clock::now() + std::chrono::milliseconds{spread(jitter_)};
}

void batch_writer::note(const sql_failure& why) {
  if (why.lost) {
    stale_backends_.push_back(connection_.backend_pid());
    if (stale_backends_.size() > 16) stale_backends_.erase(stale_backends_.begin());
    log::warn("writer", "connection_lost", {{"lane", options_.label}, {"why", why.message}});
    return;
  }
  log::warn("writer", "statement_failed",
            {{"lane", options_.label},
             {"statement", why.statement},
             {"sqlstate", why.sqlstate},
             {"why", why.message}});
}

bool batch_writer::holds(const write_unit& unit) const {
  const auto found = tenures_.find(unit.shard);
  return found != tenures_.end() && found->second.acquired == unit.epoch;
}

void batch_writer::settle(const unit_item& item, write_receipt receipt, progress& out) {
  probe_.unit_settled(receipt.status);
  --waiting_;
  out.units.push_back({item.number, item.unit->shard, std::move(receipt)});
}

void batch_writer::refuse(const unit_item& item, errc code, progress& out) {
  settle(item, {.status = write_status::refused, .why = because(code)}, out);
}

void batch_writer::fence_off(shard_ref shard) {
  const auto found = tenures_.find(shard);
  if (found == tenures_.end()) return;
  log::warn(
    "writer", "fenced",
    {{"lane", options_.label}, {"shard", to_string(shard)}, {"epoch", found->second.current}});
  tenures_.erase(found);
}

/// Refuses what has waited too long and was certainly not written.
void batch_writer::expire(progress& out) {
  const auto oldest = clock::now() - options_.limits.unit_wait;
  auto too_old = [&](const unit_item& item) {
    if (item.arrived >= oldest) return false;
    refuse(item, errc::storage_unavailable, out);
    return true;
  };
  for (auto& retry : retries_) std::erase_if(retry, too_old);
  std::erase_if(retries_, [](const batch& retry) { return retry.empty(); });
  // The queue is in the order of arrival, but for releases, which wait for as long as it takes.
  if (connected() || queue_.empty()) return;
  std::erase_if(queue_, [&](const queued& next) {
    if (const auto* unit = std::get_if<unit_item>(&next)) return too_old(*unit);
    if (const auto* acquisition = std::get_if<acquire_item>(&next)) {
      if (acquisition->arrived >= oldest) return false;
      out.acquisitions.push_back(
        {acquisition->number, acquisition->shard, 0, because(errc::storage_unavailable)});
      return true;
    }
    return false;
  });
}

/// Batches that start right after each other are small, and small ones cost the database nearly as much
/// as large ones. So when requests come side by side, a batch that is not full waits until an interval
/// has passed since the last began. A client that sends one after the other never waits.
std::chrono::milliseconds batch_writer::pause_before_commit() const {
  if (last_units_ < 2 || queue_.size() >= options_.limits.batch_units) return 0ms;
  const auto due = last_batch_ + options_.limits.commit_interval;
  return std::max(0ms, std::chrono::ceil<std::chrono::milliseconds>(due - clock::now()));
}

/// Takes the next batch off the queue: as many units as fit, up to the first acquisition or release,
/// the first repeated operation id, or a delete that must come after a put of the same batch. On Citus those
/// of the first unit's shard id only; the others stay in their order.
batch_writer::batch batch_writer::gather(progress& out) {
  batch units;
  std::size_t bytes = 0;
  std::unordered_set<uuid> operations;
  std::optional<std::unordered_set<std::uint64_t>> subjects; // of the batch, once it has a delete
  const auto key = [](shard_ref shard, std::uint64_t subject) {
    return subject ^ (std::hash<shard_ref>{}(shard) * 0x9E3779B97F4A7C15ull);
  };
  const auto remember = [&](const write_unit& unit) {
    for (const auto& change : unit.rows)
      if (const auto subject = subject_of(change)) subjects->insert(key(unit.shard, *subject));
  };
  const auto clashes = [&](const write_unit& unit) {
    if (std::ranges::none_of(unit.rows, is_delete)) return false;
    if (!subjects) {
      subjects.emplace();
      for (const auto& item : units) remember(*item.unit);
    }
    return std::ranges::any_of(unit.rows, [&](const row_change& change) {
      const auto subject = subject_of(change);
      return subject && is_delete(change) && subjects->contains(key(unit.shard, *subject));
    });
  };

  std::deque<queued> others; // of other shard ids
  while (!queue_.empty() && units.size() < options_.limits.batch_units) {
    auto* next = std::get_if<unit_item>(&queue_.front());
    if (next == nullptr) break;
    if (!holds(*next->unit)) {
      settle(*next, {.status = write_status::fenced}, out);
      queue_.pop_front();
      continue;
    }
    if (on_citus() && !units.empty() &&
        next->unit->shard.shard != units.front().unit->shard.shard) {
      others.push_back(std::move(queue_.front()));
      queue_.pop_front();
      continue;
    }
    bytes += wire_size(*next->unit);
    if (!units.empty() && bytes > options_.limits.batch_bytes) break;
    if (clashes(*next->unit) || !operations.insert(next->unit->op_id).second) break;
    if (subjects) remember(*next->unit);
    units.push_back(std::move(*next));
    queue_.pop_front();
  }
  queue_.insert(queue_.begin(), std::make_move_iterator(others.begin()),
                std::make_move_iterator(others.end()));
  return units;
}

// -- a batch --------------------------------------------------------------------------------------

void batch_writer::drop_fenced(batch& units, progress& out) {
  std::erase_if(units, [&](const unit_item& item) {
    if (holds(*item.unit)) return false;
    settle(item, {.status = write_status::fenced}, out);
    return true;
  });
}

parameters batch_writer::fences_of(const std::vector<shard_ref>& shards) const {
  fence_arrays fences;
  for (auto shard : shards) {
    fences.add(shard);
    fences.epochs.add(tenures_.at(shard).current);
  }
  parameters arguments;
  arguments.add(std::move(fences.shards)).add(std::move(fences.families));
  arguments.add(std::move(fences.epochs)).add(options_.incarnation);
  return arguments;
}

/// Locks the fences and writes the ledger, and fails when a fence is not live or an operation is known.
std::vector<call> batch_writer::opening_of(const batch& units,
                                           const std::vector<shard_ref>& shards) const {
  const auto fences = static_cast<std::int64_t>(shards.size());
  if (on_citus()) {
    call guard{&sql::guard_fences, fences_of(shards)};
    guard.arguments.add(fences);
    call record{&sql::record_new, {}};
    add_ledger_rows(record.arguments, units);
    return {{&sql::begin, {}}, std::move(guard), std::move(record)};
  }
  call record{&sql::record_all, fences_of(shards)};
  add_ledger_rows(record.arguments, units);
  record.arguments.add(fences).add(static_cast<std::int64_t>(units.size()));
  return {{&sql::begin, {}}, std::move(record)};
}

/// The usual way: the whole transaction in one round trip. The server gives it up by itself when a shard
/// was fenced or an operation is known, and then the careful way finds out which.
void batch_writer::run_batch(batch units, progress& out) {
  drop_fenced(units, out); // a batch that comes again may have lost its tenure meanwhile
  if (units.empty()) return;
  const auto began = clock::now();
  last_batch_ = began;
  last_units_ = units.size();
  probe_.batch_began(began - units.front().arrived);
  // A connection that the server has closed meanwhile is noticed before anything could be in doubt.
  if (!connection_.check()) {
    note({.lost = true, .message = "closed by the server"});
    retries_.push_front(std::move(units));
    return;
  }

  const auto shards = shards_of(units);
  row_batch changes;
  for (const auto& item : units)
    for (const auto& change : item.unit->rows) changes.add(item.unit->shard, change);
  auto calls = opening_of(units, shards);
  std::ranges::move(changes.take(), std::back_inserter(calls));
  calls.push_back({&sql::commit, {}});

  const auto done = connection_.run(calls);
  if (!done) {
    if (done.error().lost) return enter_doubt(std::move(units), done.error());
    if (!asks_for_care(done.error())) return reject(std::move(units), done.error(), out);
    const std::array undo{call{&sql::rollback, {}}};
    if (auto undone = connection_.run(undo); !undone) {
      note(undone.error());
      retries_.push_front(std::move(units));
      return;
    }
    return run_carefully(std::move(units), out);
  }
  if (done->back().command_tag() != "COMMIT") return reject(std::move(units), rolled_back(), out);
  backoff_ = 0ms;
  probe_.batch_committed(units.size(), clock::now() - began);
  for (const auto& item : units) settle(item, {.status = write_status::committed}, out);
}

/// The commit was sent, or may have been: the server alone knows.
void batch_writer::enter_doubt(batch units, const sql_failure& why) {
  note(why);
  probe_.commit_in_doubt(units.size());
  log::warn("writer", "commit_in_doubt",
            {{"lane", options_.label}, {"units", static_cast<std::uint64_t>(units.size())}});
  doubt_ = std::move(units);
}

/// Two round trips: the first locks the fences and tells which are live and which operations are new,
/// the second writes the rows of those and commits. On Citus the ledger takes one between them.
void batch_writer::run_carefully(batch units, progress& out) {
  const auto began = clock::now();
  const auto shards = shards_of(units);
  std::array opening{
    call{&sql::begin, {}},
    call{on_citus() ? &sql::lock_fences : &sql::lock_and_record, fences_of(shards)}};
  if (!on_citus()) {
    add_ledger_rows(opening[1].arguments, units);
    opening[1].arguments.add(static_cast<std::int64_t>(shards.size()));
  }
  auto opened = connection_.run(opening);
  if (!opened) return reject(std::move(units), opened.error(), out);

  std::vector<std::int32_t> live;
  if (on_citus())
    for (std::size_t i = 0; i < (*opened)[1].size(); ++i) live.push_back((*opened)[1].int4(i, 0));
  else
    live = (*opened)[1].numbers(0, 0);
  if (live.size() < shards.size()) {
    // Shards that were fenced drop out; the ledger is still to be written for the others.
    std::vector<bool> alive(shards.size(), false);
    for (auto place : live) alive[static_cast<std::size_t>(place) - 1] = true;
    for (std::size_t i = 0; i < shards.size(); ++i)
      if (!alive[i]) fence_off(shards[i]);
    drop_fenced(units, out);
    if (units.empty()) {
      const std::array undo{call{&sql::rollback, {}}};
      if (auto undone = connection_.run(undo); !undone) note(undone.error());
      return;
    }
  }
  std::vector<uuid> fresh;
  if (on_citus() || live.size() < shards.size()) {
    std::array record{call{&sql::record, {}}};
    add_ledger_rows(record[0].arguments, units);
    auto recorded = connection_.run(record);
    if (!recorded) return reject(std::move(units), recorded.error(), out);
    for (std::size_t i = 0; i < (*recorded)[0].size(); ++i)
      fresh.push_back((*recorded)[0].id(i, 0));
  } else {
    fresh = (*opened)[1].ids(0, 1);
  }

  // Units whose operation was in the ledger before write nothing; their answer is read instead.
  batch known;
  if (fresh.size() < units.size()) {
    const std::unordered_set<uuid> is_fresh{fresh.begin(), fresh.end()};
    const auto split = std::ranges::stable_partition(
      units, [&](const unit_item& item) { return is_fresh.contains(item.unit->op_id); });
    known.assign(std::make_move_iterator(split.begin()), std::make_move_iterator(split.end()));
    units.erase(split.begin(), split.end());
  }

  row_batch changes;
  for (const auto& item : units)
    for (const auto& change : item.unit->rows) changes.add(item.unit->shard, change);
  auto closing = changes.take();
  if (!known.empty()) closing.push_back(read_ledger(known));
  closing.push_back({&sql::commit, {}});

  auto closed = connection_.run(closing);
  if (!closed && closed.error().lost) {
    if (!known.empty())
      retries_.push_front(std::move(known)); // nothing of theirs was to be written
    if (units.empty()) return note(closed.error());
    return enter_doubt(std::move(units), closed.error());
  }
  if (!closed || closed->back().command_tag() != "COMMIT") {
    units.insert(units.end(), std::make_move_iterator(known.begin()),
                 std::make_move_iterator(known.end()));
    return reject(std::move(units), closed ? rolled_back() : closed.error(), out);
  }

  backoff_ = 0ms;
  probe_.batch_committed(units.size() + known.size(), clock::now() - began);
  for (const auto& item : units) settle(item, {.status = write_status::committed}, out);
  if (known.empty()) return;
  auto stored = stored_operations((*closed)[closed->size() - 2]);
  for (const auto& item : known) {
    const auto found = stored.find(item.unit->op_id);
    if (found == stored.end()) // swept between the two statements: its 24 hours were over
      refuse(item, errc::storage_unavailable, out);
    else
      settle(item, {.status = write_status::duplicate, .stored = std::move(found->second)}, out);
  }
}

/// A batch that certainly did not commit. Data that the server refuses is found by halving, so that
/// only the bad unit fails; everything else tries again.
void batch_writer::reject(batch units, const sql_failure& why, progress& out) {
  note(why);
  if (why.lost) {
    retries_.push_front(std::move(units));
    return;
  }
  const std::array undo{call{&sql::rollback, {}}};
  if (auto undone = connection_.run(undo); !undone) note(undone.error());
  if (passes_by_itself(why.sqlstate)) {
    retries_.push_front(std::move(units));
    // A server that takes no writes may have been replaced by another at the same address.
    if (why.sqlstate.starts_with("25")) connection_.close();
    back_off();
    return;
  }
  if (units.size() == 1) {
    log::error("writer", "unit_refused",
               {{"lane", options_.label},
                {"shard", to_string(units.front().unit->shard)},
                {"operation", to_string(units.front().unit->op_id)},
                {"sqlstate", why.sqlstate}});
    refuse(units.front(), errc::internal, out);
    return;
  }
  const auto middle = units.begin() + static_cast<std::ptrdiff_t>(units.size() / 2);
  batch second{std::make_move_iterator(middle), std::make_move_iterator(units.end())};
  units.erase(middle, units.end());
  retries_.push_front(std::move(second));
  retries_.push_front(std::move(units));
}

// -- a commit in doubt ------------------------------------------------------------------------------

void batch_writer::settle_doubt(progress& out) {
  auto& units = *doubt_;
  const auto shards = shards_of(units);
  fence_arrays fences;
  for (auto shard : shards) {
    fences.add(shard);
    fences.epochs.add(tenures_.at(shard).current);
  }
  // The bump waits for the transaction in flight to end, and no transaction that has not locked its
  // fences by then can commit. What the ledger says after it is final.
  std::array calls{call{&sql::begin, {}}, call{&sql::limit_wait, {}}, call{&sql::bump_fences, {}},
                   call{&sql::commit, {}}, read_ledger(units)};
  calls[1].arguments.add(std::to_string(options_.limits.takeover_wait.count()));
  calls[2].arguments.add(std::move(fences.shards)).add(std::move(fences.families));
  calls[2].arguments.add(std::move(fences.epochs)).add(options_.incarnation);
  const auto done = connection_.run(calls);
  if (!done) {
    note(done.error());
    if (done.error().lost) return;
    std::vector<call> repair{{&sql::rollback, {}}};
    if (done.error().sqlstate == query_cancelled) {
      // Our old server process still holds the locks, perhaps on a connection that nobody has closed.
      array_parameter processes{element::int4};
      for (auto pid : stale_backends_) processes.add(pid);
      call end{&sql::end_backends, {}};
      end.arguments.add(std::move(processes))
        .add(std::string_view{to_string(options_.incarnation)});
      repair.push_back(std::move(end));
    }
    if (auto repaired = connection_.run(repair); !repaired) note(repaired.error());
    back_off();
    return;
  }
  if ((*done)[3].command_tag() != "COMMIT") return back_off();

  std::unordered_set<shard_ref> bumped;
  for (const auto& fences_now = (*done)[2];
       const auto i : std::views::iota(std::size_t{0}, fences_now.size())) {
    const auto shard = shard_at(fences_now, i, 0, 1);
    if (!shard) continue;
    tenures_.at(*shard).current = fences_now.int8(i, 2);
    bumped.insert(*shard);
  }
  auto stored = stored_operations((*done)[4]);
  std::unordered_set<shard_ref> told; // shards that learn from a unit that they were fenced
  const auto oldest = clock::now() - options_.limits.unit_wait;
  batch again;
  for (auto& item : units) {
    const auto& unit = *item.unit;
    const auto found = stored.find(unit.op_id);
    if (found != stored.end()) {
      // A row that is not ours was written by a later owner, for a retry of the same request.
      const bool ours = found->second.result == unit.result &&
                        found->second.request_hash == unit.request_hash;
      settle(
        item,
        ours ? write_receipt{.status = write_status::committed, .doubtful = true}
             : write_receipt{.status = write_status::duplicate, .stored = std::move(found->second)},
        out);
    } else if (!bumped.contains(unit.shard)) {
      told.insert(unit.shard);
      settle(item, {.status = write_status::fenced}, out);
    } else if (item.arrived < oldest) {
      refuse(item, errc::storage_unavailable, out);
    } else {
      again.push_back(std::move(item));
    }
  }
  for (auto shard : shards) {
    if (bumped.contains(shard)) continue;
    if (!told.contains(shard)) out.lost.push_back({shard, tenures_.at(shard).acquired});
    fence_off(shard);
  }
  log::info("writer", "doubt_settled",
            {{"lane", options_.label},
             {"units", static_cast<std::uint64_t>(units.size())},
             {"retried", static_cast<std::uint64_t>(again.size())}});
  doubt_.reset();
  stale_backends_.clear();
  backoff_ = 0ms;
  if (!again.empty()) retries_.push_front(std::move(again));
}

// -- acquiring and releasing ------------------------------------------------------------------------

void batch_writer::run_acquisitions(progress& out) {
  // All that are next in line, each shard once: a second request for a shard takes another epoch.
  std::vector<acquire_item> wanted;
  std::unordered_set<shard_ref> named;
  for (const auto& next : queue_) {
    const auto* acquisition = std::get_if<acquire_item>(&next);
    if (acquisition == nullptr || !named.insert(acquisition->shard).second) break;
    if (on_citus() && !wanted.empty() && acquisition->shard.shard != wanted.front().shard.shard)
      break;
    wanted.push_back(*acquisition);
  }
  const auto count = static_cast<std::ptrdiff_t>(wanted.size());
  std::ranges::sort(wanted, by_key, &acquire_item::shard);
  auto finish = [&](const acquire_item& item, std::int64_t epoch, errc why) {
    if (why == errc::none)
      tenures_.insert_or_assign(item.shard, tenure{epoch, epoch});
    else
      tenures_.erase(item.shard);
    out.acquisitions.push_back({item.number, item.shard, epoch, because(why)});
  };

  std::unordered_map<shard_ref, std::int64_t> taken;
  std::unordered_set<shard_ref> moved_on; // their fences are not what was seen
  auto missing = [&](const acquire_item& item) {
    return !taken.contains(item.shard) && !moved_on.contains(item.shard);
  };
  for (int attempt = 0; attempt < take_attempts && std::ranges::any_of(wanted, missing);
       ++attempt) {
    fence_arrays read;
    for (const auto& item : wanted)
      if (missing(item)) read.add(item.shard);
    std::array look{call{&sql::read_fences, {}}};
    look[0].arguments.add(std::move(read.shards)).add(std::move(read.families));
    const auto seen = connection_.run(look);
    if (!seen) {
      // Nothing of what was taken so far is lost: taking it again gives the next epoch.
      note(seen.error());
      if (!seen.error().lost) back_off();
      return;
    }
    struct fence {
      shard_ref shard;
      std::int64_t epoch;
      std::optional<uuid> owner;
    };
    std::vector<fence> fences;
    for (std::size_t i = 0; i < (*seen)[0].size(); ++i) {
      const auto shard = shard_at((*seen)[0], i, 0, 1);
      if (!shard) continue;
      fence now{*shard, (*seen)[0].int8(i, 2),
                (*seen)[0].is_null(i, 3) ? std::nullopt : std::optional{(*seen)[0].id(i, 3)}};
      const auto item = std::ranges::find(wanted, *shard, &acquire_item::shard);
      // Its own: an answer that told of an earlier success was lost.
      if (now.epoch == item->seen_epoch || now.owner == options_.incarnation)
        fences.push_back(now);
      else
        moved_on.insert(*shard);
    }
    if (fences.empty()) break;
    std::ranges::sort(fences, by_key, &fence::shard);

    fence_arrays take;
    array_parameter owners{element::uuid};
    for (const auto& f : fences) {
      take.add(f.shard);
      take.epochs.add(f.epoch);
      if (f.owner)
        owners.add(*f.owner);
      else
        owners.add_null();
    }
    std::array calls{call{&sql::begin, {}}, call{&sql::limit_wait, {}}, call{&sql::take_fences, {}},
                     call{&sql::commit, {}}};
    calls[1].arguments.add(std::to_string(options_.limits.takeover_wait.count()));
    calls[2].arguments.add(std::move(take.shards)).add(std::move(take.families));
    calls[2].arguments.add(std::move(take.epochs)).add(std::move(owners)).add(options_.incarnation);
    const auto done = connection_.run(calls);
    if (!done) {
      note(done.error());
      if (done.error().lost) return;
      std::vector<call> repair{{&sql::rollback, {}}};
      if (done.error().sqlstate == query_cancelled) {
        // An old owner holds its locks for too long: paused, or cut off. Its transaction must end.
        array_parameter names{element::text};
        for (const auto& f : fences)
          if (f.owner && *f.owner != options_.incarnation)
            names.add(std::string_view{to_string(*f.owner)});
        array_parameter processes{element::int4};
        for (auto pid : stale_backends_) processes.add(pid);
        call owners_end{&sql::end_owners, {}};
        owners_end.arguments.add(std::move(names));
        call backends_end{&sql::end_backends, {}};
        backends_end.arguments.add(std::move(processes))
          .add(std::string_view{to_string(options_.incarnation)});
        repair.push_back(std::move(owners_end));
        repair.push_back(std::move(backends_end));
        log::warn("writer", "old_owner_ended", {{"lane", options_.label}});
      }
      if (auto repaired = connection_.run(repair); !repaired) {
        note(repaired.error());
        if (repaired.error().lost) return;
      }
      if (done.error().sqlstate != query_cancelled && !passes_by_itself(done.error().sqlstate))
        break;
      continue;
    }
    if ((*done)[3].command_tag() != "COMMIT") continue;
    for (std::size_t i = 0; i < (*done)[2].size(); ++i)
      if (const auto shard = shard_at((*done)[2], i, 0, 1))
        taken.insert_or_assign(*shard, (*done)[2].int8(i, 2));
  }
  for (const auto& item : wanted) {
    const auto found = taken.find(item.shard);
    if (found != taken.end())
      finish(item, found->second, errc::none);
    else
      finish(item, 0,
             moved_on.contains(item.shard) ? errc::precondition_failed : errc::shard_unavailable);
  }
  queue_.erase(queue_.begin(), queue_.begin() + count);
  backoff_ = 0ms;
}

void batch_writer::run_releases() {
  std::vector<std::pair<shard_ref, std::int64_t>> fences;
  std::ptrdiff_t count = 0;
  for (const auto& next : queue_) {
    const auto* release = std::get_if<release_item>(&next);
    if (release == nullptr) break;
    if (on_citus() && !fences.empty() && release->shard.shard != fences.front().first.shard) break;
    ++count;
    const auto found = tenures_.find(release->shard);
    if (found != tenures_.end() && found->second.acquired == release->epoch)
      fences.emplace_back(release->shard, found->second.current);
  }
  std::ranges::sort(fences, by_key, [](const auto& f) { return f.first; });
  if (!fences.empty()) {
    fence_arrays given_up;
    for (const auto& [shard, epoch] : fences) {
      given_up.add(shard);
      given_up.epochs.add(epoch);
    }
    std::array calls{call{&sql::release_fences, {}}};
    calls[0].arguments.add(std::move(given_up.shards)).add(std::move(given_up.families));
    calls[0].arguments.add(std::move(given_up.epochs)).add(options_.incarnation);
    if (const auto done = connection_.run(calls); !done) {
      note(done.error());
      if (!done.error().lost) back_off();
      return; // tried again; a release that did get through changes nothing the second time
    }
    for (const auto& [shard, epoch] : fences) tenures_.erase(shard);
  }
  queue_.erase(queue_.begin(), queue_.begin() + count);
}

std::vector<batch_writer::lost_tenure> batch_writer::abandon() {
  std::vector<lost_tenure> lost;
  for (const auto& [shard, held] : tenures_) lost.push_back({shard, held.acquired});
  tenures_.clear();
  return lost;
}

} // namespace troupe::postgres
