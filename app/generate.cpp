#include "app/generate.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <fcntl.h>
#include <optional>
#include <string_view>
#include <system_error>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

#include "actors/api/directory.hpp"
#include "actors/password/argon2.hpp"
#include "app/generate_progress.hpp"
#include "app/generate_world.hpp"
#include "base/family.hpp"
#include "base/stable_hash.hpp"
#include "base/uuid.hpp"
#include "persistence/postgres/bulk.hpp"

// One connection and one thread fill each database, in one transaction: fences first, then every
// table by binary COPY in the order of its primary key, then the secondary indexes and the
// statistics. The control database commits last; with it goes the table troupe.generation, which
// until then tells that a run is under way. If the process dies between two commits, the table
// stays, and the next run finds by the fences' owner what was committed and removes it.

namespace troupe {

namespace {

using namespace std::chrono_literals;
using generation::progress;
using generation::world;

using postgres::bulk_connection;
using postgres::copy_stream;

/// Thrown where a run cannot go on, and given back as a value at the module's edge.
failure problem(errc code, std::string detail) {
  return {code, std::move(detail), {}, std::nullopt};
}

/// "generate" in ASCII: the advisory lock in the control database that a run holds.
constexpr std::string_view lock_key = "7450482540544095333";

constexpr std::string_view data_tables[]{"player", "player_game", "game_counter", "directory_name",
                                         "studio", "game",        "staff",        "operation",
                                         "job",    "session"};

// -- which database and shard everything belongs to
// -------------------------------------------------

struct family_homes {
  std::vector<std::size_t> database_of; ///< by shard: an index into the configured databases
  std::uint32_t count() const { return static_cast<std::uint32_t>(database_of.size()); }
};

/// By family.
using homes = std::array<family_homes, families.size()>;

homes read_homes(bulk_connection& control, std::span<const database_address> databases) {
  homes found;
  for (const auto& row :
       control.rows("select h.family, h.database, s.shard_count"
                    " from troupe.shard_home h join troupe.family_shards s using (family)"
                    " order by h.family, h.shard_id")) {
    const auto fam = parse_family(row[0]);
    if (!fam)
      throw problem(errc::internal,
                    "the databases know a family that this program does not: " + row[0]);
    const auto where = std::ranges::find(databases, row[1], &database_address::name);
    if (where == databases.end())
      throw problem(errc::internal,
                    "shards live in database \"" + row[1] + "\", which is not configured");
    found[static_cast<std::size_t>(*fam)].database_of.push_back(
      static_cast<std::size_t>(where - databases.begin()));
  }
  for (const auto& info : families)
    if (found[static_cast<std::size_t>(info.id)].database_of.empty())
      throw problem(errc::internal, "the databases have no shards of " + std::string{info.name});
  return found;
}

/// Numbers grouped by shard, ascending within each.
class by_shard {
public:
  by_shard(std::uint64_t count, std::uint32_t shards, const auto& shard_of_number)
    : starts_(shards + 1), numbers_(count) {
    std::vector<std::uint16_t> shard(count);
    for (std::uint64_t n = 0; n < count; ++n) {
      shard[n] = static_cast<std::uint16_t>(shard_of_number(n));
      ++starts_[shard[n] + 1u];
    }
    for (std::size_t s = 0; s < shards; ++s) starts_[s + 1] += starts_[s];
    auto next = starts_;
    for (std::uint64_t n = 0; n < count; ++n)
      numbers_[next[shard[n]]++] = static_cast<std::uint32_t>(n);
  }

  std::span<const std::uint32_t> of(std::size_t shard) const {
    return {numbers_.data() + starts_[shard], numbers_.data() + starts_[shard + 1]};
  }

private:
  std::vector<std::uint64_t> starts_;
  std::vector<std::uint32_t> numbers_;
};

struct layout {
  explicit layout(const world& w, const homes& h)
    : players(w.players(), h[player].count(),
              [&](std::uint64_t n) { return shard_of(w.player_id(n), h[player].count()); }),
      names(w.players() + w.staff().size(), h[directory].count(), [&](std::uint64_t n) {
        return shard_of(std::string_view{name_key(w, n)}, h[directory].count());
      }) {}

  /// Numbers below the count of players are players, the others staff.
  static std::string name_key(const world& w, std::uint64_t n) {
    if (n >= w.players()) return fold_name(w.staff()[n - w.players()].username);
    std::string name;
    w.append_name(n, name);
    return fold_name(name);
  }

  static constexpr auto player = static_cast<std::size_t>(family::player);
  static constexpr auto directory = static_cast<std::size_t>(family::directory);
  static constexpr auto catalog = static_cast<std::size_t>(family::catalog);

  by_shard players;
  by_shard names;
};

// -- what must hold before a run
// --------------------------------------------------------------------

void refuse_running_server(bulk_connection& db) {
  const auto found = db.ask(
    "select count(*) from pg_stat_activity where pid <> pg_backend_pid()"
    " and application_name in (select owner::text from troupe.shard_fence)");
  if (found != "0")
    throw problem(errc::shard_unavailable, "a server is running on database " + db.name() +
                                             "; stop it before data is generated");
}

void refuse_data(bulk_connection& db) {
  std::string full;
  for (auto table : data_tables)
    if (!db.rows("select 1 from troupe." + std::string{table} + " limit 1").empty())
      full += (full.empty() ? "" : ", ") + std::string{table};
  if (!full.empty())
    throw problem(errc::precondition_failed, "database " + db.name() + " holds data already (" +
                                               full + "); generate fills an empty cluster only");
}

void truncate_all(bulk_connection& db) {
  std::string sql = "truncate ";
  for (auto table : data_tables)
    sql += (sql.ends_with(' ') ? "troupe." : ", troupe.") + std::string{table};
  db.run(sql);
}

/// Removes what a run has committed that did not come to its end. Nobody else may have owned a
/// shard since: then the data is no longer only that run's.
void remove_traces(std::vector<bulk_connection>& databases) {
  auto& control = databases.front();
  if (control.ask("select to_regclass('troupe.generation') is not null") == "f") return;
  const auto runs = control.rows("select run from troupe.generation");
  for (const auto& run : runs)
    for (auto& db : databases) {
      db.run("begin");
      // Waits for what that run's connection may still be doing.
      db.run("lock table troupe.shard_fence in exclusive mode");
      const auto counts = db.rows("select count(*) filter (where owner = '" + run[0] +
                                  "'), count(*) from troupe.shard_fence")
                            .at(0);
      if (counts[0] == "0") { // nothing was committed here, or the tables are a server's by now
        db.run("rollback");
        continue;
      }
      if (counts[0] != counts[1])
        throw problem(errc::precondition_failed,
                      "database " + db.name() +
                        " holds a part of an interrupted run, and a server has run on it "
                        "since; make the databases anew");
      truncate_all(db);
      db.run("update troupe.shard_fence set epoch = epoch + 1, owner = null, changed_at = now()");
      db.run("commit");
    }
  control.run("drop table troupe.generation");
}

// -- filling one database
// ---------------------------------------------------------------------------

struct task {
  const world& made;
  const homes& where;
  const layout& order;
  const std::string& password_hash;
  const uuid& run;
  progress& shown;
  std::atomic<bool>& stop;
  std::atomic<std::uint64_t> registrations{0};
};

class filling {
public:
  filling(task& t, bulk_connection& db, std::size_t index) : task_(t), db_(db), index_(index) {}

  /// Leaves the transaction open: all is written but not committed.
  void run() {
    db_.run("begin");
    // Waits for a writer's transaction under way; from here on no other owner can write. An owner
    // that comes later waits for our commit, and takes the next epoch.
    db_.run("update troupe.shard_fence set epoch = epoch + 1, owner = '" + to_string(task_.run) +
            "', changed_at = now()");
    refuse_running_server(db_);
    refuse_data(db_);
    truncate_all(db_);
    const auto indexes = drop_secondary_indexes();
    copy_players();
    copy_libraries();
    copy_names();
    if (home_is_here(layout::catalog, 0)) copy_catalogue();
    for (const auto& definition : indexes) db_.run(definition);
    for (auto table : data_tables) db_.run("analyze troupe." + std::string{table});
  }

private:
  bool home_is_here(std::size_t fam, std::size_t shard) const {
    return task_.where[fam].database_of[shard] == index_;
  }

  copy_stream copy(std::string_view table, std::string_view columns) {
    return {db_, table, columns, !db_.distributed(), task_.stop};
  }

  /// Calls `action(shard)` for the family's shards that live here.
  void for_shards(std::size_t fam, const auto& action) {
    for (std::uint32_t shard = 0; shard < task_.where[fam].count(); ++shard)
      if (home_is_here(fam, shard)) action(static_cast<std::int32_t>(shard));
  }

  /// Filling an index in a random order costs more than making it in the end. Gives their
  /// definitions.
  std::vector<std::string> drop_secondary_indexes() {
    std::vector<std::string> definitions;
    if (db_.distributed()) return definitions;
    for (const auto& row :
         db_.rows("select indexrelid::regclass, pg_get_indexdef(indexrelid) from pg_index"
                  " where not indisunique and indrelid in"
                  " ('troupe.player_game'::regclass, 'troupe.game_counter'::regclass)"
                  " order by 1")) {
      db_.run("drop index " + row[0]);
      definitions.push_back(row[1]);
    }
    return definitions;
  }

  void copy_players() {
    auto out = copy("player",
                    "shard_id, player_id, name, password_hash, created_at, version, deleted");
    std::string name;
    for_shards(layout::player, [&](std::int32_t shard) {
      const auto players = task_.order.players.of(static_cast<std::size_t>(shard));
      for (auto n : players) {
        name.clear();
        task_.made.append_name(n, name);
        out.row().add(shard).add(task_.made.player_id(n)).add(std::string_view{name});
        out.add(std::string_view{task_.password_hash}).add(task_.made.created_at(n));
        out.add(std::int64_t{1}).add(false);
      }
      task_.shown.add(players.size());
    });
    out.finish();
  }

  void copy_libraries() {
    struct counter_row {
      std::int32_t shard;
      std::uint32_t game;
      std::int64_t players;
    };
    const auto& games = task_.made.games();
    std::vector<counter_row> counters;
    std::vector<std::int64_t> in_shard(games.size());
    std::vector<std::uint32_t> library;
    std::uint64_t registrations = 0;

    auto out = copy("player_game", "shard_id, player_id, game_id, registered_at");
    for_shards(layout::player, [&](std::int32_t shard) {
      const auto players = task_.order.players.of(static_cast<std::size_t>(shard));
      for (auto n : players) {
        const auto id = task_.made.player_id(n);
        task_.made.library(n, library);
        for (auto game : library) {
          out.row().add(shard).add(id).add(games[game].id).add(task_.made.registered_at(n, game));
          ++in_shard[game];
        }
        registrations += library.size();
      }
      for (std::uint32_t game = 0; game < in_shard.size(); ++game)
        if (const auto count = std::exchange(in_shard[game], 0))
          counters.push_back({shard, game, count});
      task_.shown.add(players.size() * 2);
    });
    out.finish();
    task_.registrations += registrations;

    auto sums = copy("game_counter", "shard_id, game_id, players");
    for (const auto& row : counters)
      sums.row().add(row.shard).add(games[row.game].id).add(row.players);
    sums.finish();
  }

  void copy_names() {
    auto out = copy("directory_name", "shard_id, name_key, state, account_kind, account_id, op_id");
    std::vector<std::pair<std::string, std::uint64_t>> keys;
    for_shards(layout::directory, [&](std::int32_t shard) {
      const auto numbers = task_.order.names.of(static_cast<std::size_t>(shard));
      keys.clear();
      for (auto n : numbers) keys.emplace_back(layout::name_key(task_.made, n), n);
      std::ranges::sort(keys);
      for (const auto& [key, n] : keys) {
        const bool staff = n >= task_.made.players();
        const auto member = staff ? n - task_.made.players() : 0;
        const auto kind = staff ? account_kind::staff : account_kind::player;
        out.row().add(shard).add(std::string_view{key});
        out.add(static_cast<std::int16_t>(name_state::confirmed))
          .add(static_cast<std::int16_t>(kind));
        out.add(staff ? task_.made.staff()[member].id : task_.made.player_id(n));
        out.add(staff ? task_.made.staff_operation(member) : task_.made.player_operation(n));
      }
      task_.shown.add(numbers.size());
    });
    out.finish();
  }

  void copy_catalogue() {
    constexpr std::int32_t shard = 0;
    auto studios = copy("studio", "shard_id, studio_id, name, created_at");
    for (const auto& row : task_.made.studios())
      studios.row().add(shard).add(row.id).add(std::string_view{row.name}).add(row.created_at);
    studios.finish();

    auto games = copy("game", "shard_id, game_id, studio_id, name, created_at");
    for (const auto& row : task_.made.games()) {
      games.row().add(shard).add(row.id).add(row.studio_id).add(std::string_view{row.name});
      games.add(row.created_at);
    }
    games.finish();

    auto staff = copy("staff",
                      "shard_id, staff_id, username, password_hash, role, studio_id, created_at");
    for (const auto& row : task_.made.staff()) {
      staff.row().add(shard).add(row.id).add(std::string_view{row.username});
      staff.add(std::string_view{task_.password_hash}).add(static_cast<std::int16_t>(row.role));
      if (row.studio_id)
        staff.add(*row.studio_id);
      else
        staff.add_null();
      staff.add(row.created_at);
    }
    staff.finish();
  }

  task& task_;
  bulk_connection& db_;
  std::size_t index_;
};

// -- the two files
// ----------------------------------------------------------------------------------

/// A new file that only its owner can read, under a provisional name until `keep`.
class secret_file {
public:
  explicit secret_file(std::filesystem::path path) : path_(std::move(path)), part_(path_) {
    part_ += ".part";
    unlink(part_.c_str()); // of an interrupted run, perhaps with other rights
    fd_ = open(part_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd_ < 0) refuse();
  }
  secret_file(const secret_file&) = delete;
  secret_file& operator=(const secret_file&) = delete;
  ~secret_file() {
    if (fd_ >= 0) close(fd_);
    if (!kept_) unlink(part_.c_str());
  }

  void write(std::string_view text) {
    buffer_.append(text);
    if (buffer_.size() >= 256 * 1024) flush();
  }

  /// Everything is on the disk.
  void finish() {
    flush();
    if (fsync(fd_) != 0) refuse();
  }

  void keep() {
    if (rename(part_.c_str(), path_.c_str()) != 0) refuse();
    kept_ = true;
  }

  const std::filesystem::path& path() const noexcept { return path_; }

private:
  void flush() {
    std::string_view rest = buffer_;
    while (!rest.empty()) {
      const auto written = ::write(fd_, rest.data(), rest.size());
      if (written < 0 && errno != EINTR) refuse();
      if (written > 0) rest.remove_prefix(static_cast<std::size_t>(written));
    }
    buffer_.clear();
  }

  [[noreturn]] void refuse() const {
    throw problem(errc::invalid_field,
                  "cannot write " + path_.string() + ": " + std::generic_category().message(errno));
  }

  std::filesystem::path path_;
  std::filesystem::path part_;
  int fd_ = -1;
  bool kept_ = false;
  std::string buffer_;
};

/// RFC 4180.
std::string csv_field(std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) return std::string{text};
  std::string quoted = "\"";
  for (char c : text) quoted.append(c == '"' ? 2 : 1, c);
  return quoted + '"';
}

void write_players(secret_file& file, const world& made, const std::string& password) {
  const auto ending = "," + csv_field(password) + "\n";
  file.write("name,password\n");
  std::string line;
  for (std::uint64_t n = 0; n < made.players(); ++n) {
    line.clear();
    made.append_name(n, line);
    file.write(line.append(ending));
  }
  file.finish();
}

void write_users(secret_file& file, const world& made, const std::string& password) {
  constexpr std::string_view roles[]{"studio", "publisher", "operator"};
  file.write("username,password,role,studio_id\n");
  for (const auto& row : made.staff()) {
    file.write(row.username + ',' + csv_field(password) + ',');
    file.write(std::string{roles[static_cast<std::size_t>(row.role)]} + ',');
    file.write((row.studio_id ? to_string(*row.studio_id) : "") + '\n');
  }
  file.finish();
}

// -- the run
// ------------------------------------------------------------------------------------------

void check(std::span<const database_address> databases, const generate_options& options) {
  if (databases.empty()) throw problem(errc::internal, "no database is configured");
  if (options.players > max_generated_players || options.studios > max_generated_studios)
    throw problem(errc::invalid_field,
                  "at most " + generation::with_commas(max_generated_players) + " players and " +
                    generation::with_commas(max_generated_studios) + " studios can be generated");
  if (options.password.empty()) throw problem(errc::invalid_field, "the password is empty");
  std::error_code error;
  if (!std::filesystem::is_directory(options.out, error))
    throw problem(errc::invalid_field, "there is no folder " + options.out.string());
}

/// Every database on a thread of its own, the files on this one. Throws the first problem of any.
void fill_all(task& t, std::vector<bulk_connection>& databases, const auto& write_files) {
  std::vector<std::optional<failure>> problems(databases.size() + 1);
  auto guarded = [&](std::size_t slot, const auto& action) {
    try {
      action();
      return;
    } catch (failure& found) {
      // after the first one the others fail because they are stopped
      if (!t.stop) problems[slot] = std::move(found);
    } catch (const std::exception& error) {
      problems[slot] = problem(errc::internal, error.what());
    }
    t.stop = true;
  };
  {
    std::vector<std::jthread> workers;
    for (std::size_t i = 0; i < databases.size(); ++i)
      workers.emplace_back([&, i] { guarded(i, [&] { filling{t, databases[i], i}.run(); }); });
    guarded(databases.size(), write_files);
  }
  for (auto& found : problems)
    if (found) throw std::move(*found);
}

generate_report generate_or_throw(std::span<const database_address> addresses,
                                  const generate_options& options) {
  const auto started = std::chrono::steady_clock::now();
  check(addresses, options);
  if (auto matches = check_schema(addresses); !matches) throw matches.error();

  const auto run = make_uuid_v7();
  std::vector<bulk_connection> databases;
  for (const auto& address : addresses) databases.emplace_back(address, to_string(run));
  auto& control = databases.front();
  if (control.ask("select pg_try_advisory_lock(" + std::string{lock_key} + ")") == "f")
    throw problem(errc::shard_unavailable, "another run of generate is under way");
  for (auto& db : databases) refuse_running_server(db);
  remove_traces(databases);
  for (auto& db : databases) refuse_data(db);

  secret_file players_file{options.out / "players.csv"};
  secret_file users_file{options.out / "users.csv"};
  const auto password_hash = argon2_hash(
    options.password,
    {options.password_ops_limit, static_cast<std::size_t>(options.password_memory)});
  if (!password_hash) throw password_hash.error();
  const auto where = read_homes(control, addresses);
  const world made{options.seed, options.players, options.studios};
  control.run("create table troupe.generation (run uuid not null)");
  control.run("insert into troupe.generation values ('" + to_string(run) + "')");

  std::atomic<bool> stop{false};
  std::uint64_t registrations = 0;
  try {
    // a player, on average two and a half registrations at some less than a player's cost each, a
    // name
    progress shown{options.players * 4 + made.staff().size(), options.players, options.quiet};
    const layout order{made, where};
    task t{made, where, order, *password_hash, run, shown, stop};
    fill_all(t, databases, [&] {
      write_players(players_file, made, options.password);
      write_users(users_file, made, options.password);
    });
    registrations = t.registrations;
    control.run("drop table troupe.generation");
    for (auto db = databases.rbegin(); db != databases.rend(); ++db) db->run("commit");
  } catch (const failure&) {
    // The connections' end rolls back what is open; fresh ones remove what one has committed.
    databases.clear();
    try {
      for (const auto& address : addresses) databases.emplace_back(address, to_string(run));
      remove_traces(databases);
    } catch (const failure&) { // out of reach: the next run does it
    }
    throw;
  }
  players_file.keep();
  users_file.keep();
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - started;
  return {made.players(),
          registrations,
          static_cast<std::uint32_t>(made.studios().size()),
          static_cast<std::uint32_t>(made.games().size()),
          took.count(),
          players_file.path(),
          users_file.path()};
}

} // namespace

result<generate_report> generate(std::span<const database_address> databases,
                                 const generate_options& options) {
  try {
    return generate_or_throw(databases, options);
  } catch (failure& found) {
    return std::unexpected(std::move(found));
  } catch (const std::exception& error) {
    return fail(errc::internal, error.what());
  }
}

} // namespace troupe
