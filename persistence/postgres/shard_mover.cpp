#include "persistence/shard_mover.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <pqxx/pqxx>
#include <stop_token>
#include <thread>
#include <tuple>
#include <utility>

#include "persistence/membership_store.hpp"
#include "persistence/postgres/shard_copy.hpp"

namespace troupe {

namespace {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;

/// Of one statement; copying a table is one.
constexpr auto statement_limit = 10min;
/// Until an owner or a mover is looked at again.
constexpr auto look_again = 10ms;
/// A member without a renewal for its lease and this is as good as dead; the others have to agree, unless
/// it lasts that many leases.
constexpr auto death_margin = 500ms;
constexpr int certain_leases = 3;

/// What ends a step; becomes a failure at the edge.
struct problem {
  errc code = errc::internal;
  std::string detail;
};

/// The test's crash.
struct ended_on_the_spot {};

struct fence {
  std::int64_t epoch = 0;
  std::optional<std::string> owner;
};

/// A row of troupe.shard_move.
struct move_row {
  shard_ref ref;
  std::string source;
  std::string target;
  std::string mover;
  bool flipped = false;
  std::int64_t epoch = 0;
};

/// This mover's part in the membership: a thread that renews.
class membership_of_mover {
public:
  membership_of_mover(const database_address& control, member_record self,
                      std::chrono::milliseconds interval)
    : self_(std::move(self)),
      interval_(interval),
      store_(make_membership_store(control, self_.incarnation, self_.lease / 2)) {}

  result<void> join() {
    if (auto joined = store_->join(self_); !joined) return joined;
    renewing_ = std::jthread{[this](std::stop_token stop) { renew_until(std::move(stop)); }};
    return {};
  }

  void leave() {
    renewing_ = {};
    // Not told, the others find out by themselves.
    (void)store_->change_state(self_.incarnation, member_state::left, "its moves are done");
  }

  void vanish() { renewing_ = {}; }

  bool dead() const noexcept { return dead_.load(); }

private:
  void renew_until(std::stop_token stop) {
    std::mutex mutex;
    std::condition_variable_any never;
    while (!stop.stop_requested() && !dead_.load()) {
      if (const auto renewed = store_->renew(self_.incarnation); renewed && !renewed->alive)
        dead_.store(true);
      std::unique_lock lock{mutex};
      never.wait_for(lock, stop, interval_, [] { return false; });
    }
  }

  const member_record self_;
  const std::chrono::milliseconds interval_;
  std::unique_ptr<membership_store> store_; ///< the renewing thread's, while there is one
  std::atomic<bool> dead_{false};
  std::jthread renewing_;
};

/// Declares dead who no longer renews, by the same rules as nodes do.
class death_observer {
public:
  death_observer(const database_address& control, const uuid& self)
    : self_(self), store_(make_membership_store(control, self, 2s)) {}

  /// One look at a member whose row says that it lives.
  void look(const std::string& who, std::int64_t renew_seq, std::chrono::milliseconds lease) {
    const auto now = clock::now();
    auto& seen = seen_[who];
    if (!seen || seen->renew_seq != renew_seq) {
      seen = sighting{renew_seq, now, seen.has_value(), false};
      return;
    }
    const auto still = now - seen->since;
    const auto incarnation = parse_uuid(who);
    if (!incarnation || still < lease + death_margin) return;
    if (!std::exchange(seen->voted, true)) (void)store_->vote(*incarnation, renew_seq, self_);
    if (still > certain_leases * lease)
      (void)store_->declare_dead(*incarnation, renew_seq, "no renewal seen by a mover");
  }

  /// Whether it was seen to renew.
  bool renews(const std::string& who) const {
    const auto found = seen_.find(who);
    return found != seen_.end() && found->second && found->second->renewed;
  }

private:
  struct sighting {
    std::int64_t renew_seq = 0;
    clock::time_point since;
    bool renewed = false;
    bool voted = false;
  };

  const uuid self_;
  std::unique_ptr<membership_store> store_;
  std::map<std::string, std::optional<sighting>> seen_;
};

class postgres_mover final : public shard_mover {
public:
  explicit postgres_mover(shard_mover_settings settings)
    : settings_(std::move(settings)),
      id_(make_uuid_v7()),
      me_(to_string(id_)),
      membership_(settings_.databases.front(), as_member(), settings_.renew_interval),
      deaths_(settings_.databases.front(), id_) {}

  ~postgres_mover() override {
    if (!vanished_) membership_.leave();
  }

  result<void> join() { return membership_.join(); }

  result<std::vector<shard_ref>> settle() override {
    return at_edge([&] {
      std::vector<shard_ref> settled;
      for (const auto& row : rows_of_moves(""))
        if (settle_row(row)) settled.push_back(row.ref);
      return settled;
    });
  }

  result<moved_shard> move(shard_ref ref, const std::string& target) override {
    return at_edge([&] {
      if (const auto left = row_of(ref)) settle_row(*left);
      const auto source = home_of(ref);
      moved_shard done;
      if (source == target) return done;
      address_of(target); // known, before anything is asked for
      ask(ref, source, target);
      std::int64_t epoch = 0;
      try {
        step(ref, move_step::asked);
        const auto since = take_source(ref, source, target, epoch);
        step(ref, move_step::source_taken);
        done.rows = copy(ref, source, target, epoch);
        step(ref, move_step::copied);
        flip(ref, source, target, epoch);
        done.away = std::chrono::ceil<std::chrono::milliseconds>(clock::now() - since);
      } catch (const ended_on_the_spot&) {
        throw;
      } catch (...) {
        undo_quietly(ref);
        throw;
      }
      step(ref, move_step::flipped);
      clean(ref, source, epoch);
      step(ref, move_step::cleaned);
      remove_row(ref);
      step(ref, move_step::finished);
      return done;
    });
  }

private:
  member_record as_member() const {
    member_record self;
    self.incarnation = id_;
    self.node = settings_.name;
    self.host = settings_.host;
    self.build = settings_.build;
    self.lease = settings_.lease;
    return self;
  }

  template <class Action>
  auto at_edge(Action action) -> result<decltype(action())> {
    try {
      return action();
    } catch (const problem& why) {
      return fail(why.code, why.detail);
    } catch (const ended_on_the_spot&) {
      vanished_ = true;
      membership_.vanish();
      return fail(errc::shard_unavailable, "this mover has ended");
    } catch (const pqxx::broken_connection& error) {
      connections_.clear();
      return fail(errc::storage_unavailable, error.what());
    } catch (const std::exception& error) {
      connections_.clear();
      return fail(errc::internal, error.what());
    }
  }

  void step(shard_ref ref, move_step done) {
    if (settings_.after && !settings_.after(ref, done)) throw ended_on_the_spot{};
    check_alive();
  }

  void check_alive() const {
    if (membership_.dead())
      throw problem{errc::shard_unavailable, "this mover was declared dead; start it again"};
  }

  // -- connections ------------------------------------------------------------------------------------

  const database_address& address_of(const std::string& name) const {
    const auto found = std::ranges::find(settings_.databases, name, &database_address::name);
    if (found == settings_.databases.end())
      throw problem{errc::precondition_failed, "there is no database " + name};
    return *found;
  }

  postgres::dialed& open(const std::string& name) {
    auto known = connections_.find(name);
    if (known != connections_.end() && known->second.session.is_open()) return known->second;
    connections_.erase(name);
    postgres::dial_options options;
    options.application_name = me_;
    options.statement_timeout = statement_limit;
    options.idle_in_transaction_timeout =
      30s; // one side waits for the other while rows are compared
    options.planner = {{"TimeZone", "UTC"}, {"DateStyle", "ISO"}}; // rows are compared as texts
    return connections_.emplace(name, postgres::dial(address_of(name).dsn, options)).first->second;
  }

  pqxx::connection& control() { return open(settings_.databases.front().name).session; }

  // -- the control database -----------------------------------------------------------------------------

  /// A change that only a living member may make. Takes the version's lock first, as all changes of members
  /// do; whoever declares this mover dead comes before it or after it.
  template <class Change>
  void change(Change what) {
    pqxx::work work{control()};
    work.exec("update troupe.membership set version = version + 1");
    if (work
          .exec("select from troupe.member where incarnation = $1 and ended_at is null for share",
                pqxx::params{me_})
          .empty())
      throw problem{errc::shard_unavailable, "this mover was declared dead; start it again"};
    what(work);
    work.commit();
  }

  std::vector<move_row> rows_of_moves(const std::string& condition, pqxx::params arguments = {}) {
    pqxx::nontransaction read{control()};
    std::vector<move_row> found;
    for (const auto& row : read.exec("select shard_id, family, source, target, mover,"
                                     " state = 'flipped', epoch from troupe.shard_move" +
                                       condition + " order by family, shard_id",
                                     arguments))
      if (const auto fam = parse_family(row[1].as<std::string>()))
        found.push_back({{*fam, row[0].as<std::int32_t>()},
                         row[2].as<std::string>(),
                         row[3].as<std::string>(),
                         row[4].as<std::string>(),
                         row[5].as<bool>(),
                         row[6].as<std::int64_t>()});
    return found;
  }

  std::optional<move_row> row_of(shard_ref ref) {
    auto found = rows_of_moves(" where shard_id = $1 and family = $2",
                               pqxx::params{ref.shard, to_string(ref.fam)});
    if (found.empty()) return std::nullopt;
    return std::move(found.front());
  }

  std::string home_of(shard_ref ref) {
    pqxx::nontransaction read{control()};
    const auto found = read.query01<std::string>(
      "select database from troupe.shard_home where shard_id = $1 and family = $2",
      pqxx::params{ref.shard, to_string(ref.fam)});
    if (!found)
      throw problem{errc::precondition_failed, "there is no shard " + troupe::to_string(ref)};
    return std::get<0>(*found);
  }

  /// Whether the incarnation is a member. One that has stopped to renew is told of to the others.
  bool lives(const std::string& incarnation) {
    std::optional<std::tuple<std::int64_t, std::int32_t>> found;
    {
      pqxx::nontransaction read{control()};
      found = read.query01<std::int64_t, std::int32_t>(
        "select renew_seq, lease_ms from troupe.member where incarnation = $1 and ended_at is null",
        pqxx::params{incarnation});
    }
    if (!found) return false;
    deaths_.look(incarnation, std::get<0>(*found), std::chrono::milliseconds{std::get<1>(*found)});
    return true;
  }

  void ask(shard_ref ref, const std::string& source, const std::string& target) {
    const auto& configured = address_of(target);
    change([&](pqxx::work& work) {
      const auto asked = work.exec(
        "insert into troupe.shard_move (shard_id, family, source, target, mover)"
        " select shard_id, family, database, $4, $5::uuid from troupe.shard_home"
        "  where shard_id = $1 and family = $2 and database = $3"
        " on conflict do nothing returning 1",
        pqxx::params{ref.shard, to_string(ref.fam), source, configured.name, me_});
      if (asked.empty())
        throw problem{errc::precondition_failed,
                      "shard " + troupe::to_string(ref) + " is being moved by somebody else"};
    });
  }

  void flip(shard_ref ref, const std::string& source, const std::string& target,
            std::int64_t epoch) {
    change([&](pqxx::work& work) {
      const pqxx::params row{ref.shard, to_string(ref.fam), me_, epoch};
      const auto marked = work.exec("update troupe.shard_move set state = 'flipped', epoch = $4"
                                    " where shard_id = $1 and family = $2 and mover = $3"
                                    "   and state = 'copying'",
                                    row);
      const auto moved = work.exec("update troupe.shard_home set database = $4"
                                   " where shard_id = $1 and family = $2 and database = $3",
                                   pqxx::params{ref.shard, to_string(ref.fam), source, target});
      if (marked.affected_rows() != 1 || moved.affected_rows() != 1)
        throw problem{errc::precondition_failed,
                      "shard " + troupe::to_string(ref) + " was taken over by another mover"};
    });
  }

  void remove_row(shard_ref ref) {
    change([&](pqxx::work& work) {
      work.exec("delete from troupe.shard_move"
                " where shard_id = $1 and family = $2 and mover = $3",
                pqxx::params{ref.shard, to_string(ref.fam), me_});
    });
  }

  // -- what others left ---------------------------------------------------------------------------------

  /// False when its mover goes on, or the row was gone already.
  bool settle_row(move_row row) {
    if (row.mover != me_) {
      while (lives(row.mover)) {
        if (deaths_.renews(row.mover)) return false;
        check_alive();
        std::this_thread::sleep_for(look_again);
      }
      bool adopted = false;
      change([&](pqxx::work& work) {
        adopted = work
                    .exec("update troupe.shard_move set mover = $3"
                          " where shard_id = $1 and family = $2 and mover = $4",
                          pqxx::params{row.ref.shard, to_string(row.ref.fam), me_, row.mover})
                    .affected_rows() == 1;
      });
      if (!adopted) return false;
      end_backends(row.source, row.mover);
      end_backends(row.target, row.mover);
      // It may have flipped after it was read here, and before it died.
      row = row_of(row.ref).value();
    }
    if (row.flipped)
      clean(row.ref, row.source, row.epoch);
    else
      undo(row);
    remove_row(row.ref);
    return true;
  }

  void undo_quietly(shard_ref ref) {
    try {
      connections_.clear(); // some may be in the middle of a copy
      const auto row = row_of(ref);
      if (!row || row->mover != me_ || row->flipped) return;
      undo(*row);
      remove_row(ref);
    } catch (const std::exception&) { // the next mover does it
    } catch (const problem&) {}
  }

  /// The shard goes on at its source.
  void undo(const move_row& row) {
    // What is at the target was read before it is certain that the shard does not live there. Should a
    // successor bring it there now, then at a higher epoch.
    const auto left = read_fence(row.target, row.ref);
    change([&](pqxx::work& work) {
      if (work
            .exec("select from troupe.shard_move where shard_id = $1 and family = $2"
                  " and mover = $3 and state = 'copying' for update",
                  pqxx::params{row.ref.shard, to_string(row.ref.fam), me_})
            .empty())
        throw problem{errc::precondition_failed,
                      "shard " + troupe::to_string(row.ref) + " was taken over by another mover"};
    });
    if (left) {
      pqxx::work work{open(row.target).session};
      if (delete_fence(work, row.ref, left->epoch)) postgres::delete_rows(work, row.ref);
      work.commit();
    }
    pqxx::work work{open(row.source).session};
    work.exec("update troupe.shard_fence set owner = null, changed_at = now()"
              " where shard_id = $1 and family = $2 and owner = $3",
              pqxx::params{row.ref.shard, to_string(row.ref.fam), me_});
    work.commit();
  }

  // -- fences -------------------------------------------------------------------------------------------

  std::optional<fence> read_fence(const std::string& database, shard_ref ref) {
    pqxx::nontransaction read{open(database).session};
    const auto found = read.query01<std::int64_t, std::optional<std::string>>(
      "select epoch, owner from troupe.shard_fence where shard_id = $1 and family = $2",
      pqxx::params{ref.shard, to_string(ref.fam)});
    if (!found) return std::nullopt;
    return fence{std::get<0>(*found), std::get<1>(*found)};
  }

  static bool delete_fence(pqxx::work& work, shard_ref ref, std::int64_t epoch) {
    return work
             .exec("delete from troupe.shard_fence"
                   " where shard_id = $1 and family = $2 and epoch = $3",
                   pqxx::params{ref.shard, to_string(ref.fam), epoch})
             .affected_rows() == 1;
  }

  /// Waits for the owner to let go, and takes the fence. Gives when nobody owned the shard any more.
  clock::time_point take_source(shard_ref ref, const std::string& source, const std::string& target,
                                std::int64_t& epoch) {
    const auto deadline = clock::now() + settings_.drain_limit;
    while (true) {
      const auto at_target = read_fence(target, ref);
      const auto seen = read_fence(source, ref);
      if (!seen)
        throw problem{errc::precondition_failed,
                      "shard " + troupe::to_string(ref) + " has no fence in its home " + source};
      const bool dead = seen->owner && !lives(*seen->owner);
      if (!seen->owner || dead) {
        // Higher than whatever a mover that died left at the target, or is about to leave there: its
        // epoch and one more.
        const auto next = std::max(seen->epoch, at_target ? at_target->epoch : 0) + 2;
        const auto since = clock::now();
        if (dead) end_backends(source, *seen->owner);
        pqxx::work work{open(source).session};
        const auto taken = work.exec(
          "update troupe.shard_fence set epoch = $3, owner = $4, changed_at = now()"
          " where shard_id = $1 and family = $2 and epoch = $5 and owner is not distinct from $6",
          pqxx::params{ref.shard, to_string(ref.fam), next, me_, seen->epoch, seen->owner});
        work.commit();
        if (taken.affected_rows() == 1) {
          epoch = next;
          return since;
        }
      }
      if (clock::now() > deadline)
        throw problem{errc::timed_out,
                      "the owner of shard " + troupe::to_string(ref) + " does not let go of it"};
      check_alive();
      std::this_thread::sleep_for(look_again);
    }
  }

  /// A dead owner's open transaction would hold its fence.
  void end_backends(const std::string& database, const std::string& owner) {
    pqxx::nontransaction work{open(database).session};
    work.exec("select pg_terminate_backend(pid) from pg_stat_activity"
              " where datname = current_database() and application_name = $1",
              pqxx::params{owner});
  }

  // -- the rows -----------------------------------------------------------------------------------------

  /// All of it is one transaction of the target: a mover that was declared dead meanwhile, and goes on, is
  /// refused by the fence that its successor has raised, or holds it up only until its own end.
  std::int64_t copy(shard_ref ref, const std::string& source, const std::string& target,
                    std::int64_t epoch) {
    auto& from = open(source);
    auto& to = open(target);
    pqxx::transaction<pqxx::isolation_level::repeatable_read, pqxx::write_policy::read_only>
      reading{from.session};
    pqxx::work writing{to.session};
    const auto reserved = writing.exec(
      "insert into troupe.shard_fence as f (shard_id, family, epoch) values ($1, $2, $3)"
      " on conflict (shard_id, family) do update"
      " set epoch = excluded.epoch, owner = null, changed_at = now() where f.epoch < $3",
      pqxx::params{ref.shard, to_string(ref.fam), epoch + 1});
    if (reserved.affected_rows() != 1)
      throw problem{errc::precondition_failed, "database " + target + " has a newer shard " +
                                                 troupe::to_string(ref) + " than " + source};
    postgres::delete_rows(writing, ref);
    const auto rows = postgres::copy_rows(from, reading, to, writing, ref);
    writing.commit();
    reading.commit();
    return rows;
  }

  /// A fence of another epoch is not what the move left: the shard has come back since then.
  void clean(shard_ref ref, const std::string& source, std::int64_t epoch) {
    pqxx::work work{open(source).session};
    if (delete_fence(work, ref, epoch)) postgres::delete_rows(work, ref);
    work.commit();
  }

  const shard_mover_settings settings_;
  const uuid id_;
  const std::string me_;
  membership_of_mover membership_;
  death_observer deaths_;
  std::map<std::string, postgres::dialed> connections_;
  bool vanished_ = false;
};

} // namespace

result<std::unique_ptr<shard_mover>> shard_mover::start(shard_mover_settings settings) {
  if (settings.databases.empty()) return fail(errc::internal, "no database is configured");
  auto made = std::make_unique<postgres_mover>(std::move(settings));
  if (auto joined = made->join(); !joined) return std::unexpected(joined.error());
  return made;
}

} // namespace troupe
