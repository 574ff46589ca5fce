#include "persistence/migrations.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <pqxx/pqxx>
#include <sodium.h>

#include "base/log.hpp"
#include "persistence/postgres/dial.hpp"
#include "persistence/postgres/schema.hpp"

namespace troupe {

namespace {

using namespace std::chrono_literals;
using postgres::ddl;
using postgres::migration;
using postgres::migration_scope;

/// The key of the advisory lock that serialises migrations of one database: "troupe" in ASCII.
constexpr std::int64_t lock_key = 0x74726f757065;

/// How long a migration waits for another one of the same database.
constexpr auto lock_wait = 60s;

/// What a database or the configuration has wrong; becomes a failure at the module's edge.
struct problem {
  errc code = errc::internal;
  std::string detail;
};

std::string checksum_of(const migration& m) {
  // BLAKE2b over every statement, each ended by a byte that no statement holds.
  crypto_generichash_state state;
  crypto_generichash_init(&state, nullptr, 0, 32);
  auto feed = [&state](std::string_view text) {
    crypto_generichash_update(&state, reinterpret_cast<const unsigned char*>(text.data()),
                              text.size());
    const unsigned char end = 0;
    crypto_generichash_update(&state, &end, 1);
  };
  for (const auto& statement : m.statements) {
    feed(statement.sql);
    feed(statement.distribute);
  }
  std::array<unsigned char, 32> sum{};
  crypto_generichash_final(&state, sum.data(), sum.size());
  std::string hex;
  for (auto byte : sum) {
    static constexpr char digits[] = "0123456789abcdef";
    hex += digits[byte >> 4];
    hex += digits[byte & 15];
  }
  return hex;
}

struct applied_row {
  std::string name;
  std::string checksum;
};

pqxx::connection open(const database_address& database) {
  postgres::dial_options options;
  options.application_name = "troupe migrate";
  options.statement_timeout = 0ms; // an index on a large table takes its time
  // No owner's writes wait for a migration, but a busy machine may stall it between two statements.
  options.idle_in_transaction_timeout = 1min;
  try {
    return std::move(postgres::dial(database.dsn, options).session);
  } catch (const pqxx::failure& error) {
    throw problem{errc::storage_unavailable, error.what()};
  }
}

bool has_ledger(pqxx::connection& connection) {
  pqxx::nontransaction work{connection};
  return work.query_value<bool>("select to_regclass('troupe.migration') is not null");
}

std::map<std::int32_t, applied_row> read_applied(pqxx::connection& connection) {
  std::map<std::int32_t, applied_row> applied;
  if (!has_ledger(connection)) return applied;
  pqxx::nontransaction work{connection};
  for (const auto& row :
       work.exec("select version, name, encode(checksum, 'hex') from troupe.migration"))
    applied.emplace(row[0].as<std::int32_t>(),
                    applied_row{row[1].as<std::string>(), row[2].as<std::string>()});
  return applied;
}

bool belongs(const migration& m, bool control) {
  return control || m.scope == migration_scope::data;
}

std::vector<migration_row> compare(const std::map<std::int32_t, applied_row>& applied,
                                   bool control) {
  std::vector<migration_row> rows;
  for (const auto& m : postgres::migrations()) {
    if (!belongs(m, control)) continue;
    const auto found = applied.find(m.version);
    auto state = migration_state::pending;
    if (found != applied.end())
      state = found->second.checksum == checksum_of(m) ? migration_state::applied
                                                       : migration_state::changed;
    rows.push_back({m.version, std::string{m.name}, state});
  }
  for (const auto& [version, row] : applied) {
    const auto known = std::ranges::any_of(rows,
                                           [&](const auto& r) { return r.version == version; });
    if (!known) rows.push_back({version, row.name, migration_state::unknown});
  }
  std::ranges::sort(rows, {}, &migration_row::version);
  return rows;
}

/// Throws for what neither `migrate up` nor `serve` can go on from.
void refuse_foreign(const std::vector<migration_row>& rows) {
  for (const auto& row : rows) {
    const auto label = std::to_string(row.version) + " (" + row.name + ")";
    if (row.state == migration_state::changed)
      throw problem{errc::internal, "migration " + label +
                                      " was applied with another text than this program's: the "
                                      "checksum has changed"};
    if (row.state == migration_state::unknown)
      throw problem{errc::internal,
                    "the schema is newer than this program: it has migration " + label};
  }
}

void lock(pqxx::connection& connection) {
  pqxx::nontransaction work{connection};
  work.exec("select set_config('statement_timeout', $1, false)",
            pqxx::params{std::to_string(std::chrono::milliseconds{lock_wait}.count())});
  try {
    work.exec("select pg_advisory_lock($1)", pqxx::params{lock_key});
  } catch (const pqxx::sql_error& error) {
    if (error.sqlstate() != "57014") throw;
    throw problem{errc::storage_unavailable, "another migration holds the lock"};
  }
  work.exec("select set_config('statement_timeout', '0', false)");
}

/// Refuses a database that is not what its address says: lanes write in another way there.
void check_placement(pqxx::connection& connection, database_placement placement) {
  pqxx::nontransaction work{connection};
  const auto installed = work.query_value<bool>(
    "select exists (select from pg_extension where extname = 'citus')");
  if (placement == database_placement::citus) {
    if (!installed)
      throw problem{errc::internal,
                    "its placement is \"citus\", but it has no extension citus: run "
                    "`create extension citus` on the coordinator and add its workers"};
    return;
  }
  if (installed && work.query_value<bool>("select exists (select from pg_dist_partition where "
                                          "logicalrelid = to_regclass('troupe.shard_fence'))"))
    throw problem{errc::internal, "its tables are distributed by Citus: configure it with "
                                  "placement = \"citus\""};
}

void apply_pending(pqxx::connection& connection, const database_address& database, bool control) {
  check_placement(connection, database.placement);
  {
    pqxx::nontransaction work{connection};
    work.exec("create schema if not exists troupe");
    work.exec("create table if not exists troupe.migration ("
              " version integer primary key, name text not null, checksum bytea not null,"
              " applied_at timestamptz not null default now())");
  }
  const auto rows = compare(read_applied(connection), control);
  refuse_foreign(rows);
  for (const auto& m : postgres::migrations()) {
    const auto row = std::ranges::find(rows, m.version, &migration_row::version);
    if (row == rows.end() || row->state == migration_state::applied) continue;
    pqxx::work work{connection};
    for (const ddl& statement : m.statements) {
      work.exec(statement.sql);
      if (database.placement != database_placement::citus || statement.distribute.empty()) continue;
      const auto table = "troupe." + std::string{statement.distribute};
      if (statement.distribute == "shard_fence")
        work.exec("select create_distributed_table($1, 'shard_id')", pqxx::params{table});
      else
        work.exec("select create_distributed_table($1, 'shard_id',"
                  " colocate_with => 'troupe.shard_fence')",
                  pqxx::params{table});
    }
    work.exec("insert into troupe.migration (version, name, checksum)"
              " values ($1, $2, decode($3, 'hex'))",
              pqxx::params{m.version, m.name, checksum_of(m)});
    work.commit();
    log::info("migrate", "applied",
              {{"database", database.name}, {"version", m.version}, {"name", m.name}});
  }
}

std::uint32_t wanted_count(const family_info& info, std::span<const family_shard_count> counts) {
  for (const auto& entry : counts)
    if (entry.fam == info.id) return entry.count;
  return info.default_shard_count;
}

/// Fixes the shard counts and homes at the first run; checks them at later ones. A family that came
/// with a newer program is born by the first run after it.
void settle_homes(pqxx::connection& control, std::span<const database_address> databases,
                  std::span<const family_shard_count> counts) {
  pqxx::work work{control};
  for (const auto& info : families) {
    const auto count = wanted_count(info, counts);
    if (count == 0)
      throw problem{errc::internal, "family " + std::string{info.name} + " needs a shard at least"};
    const auto stored = work.query01<std::int64_t>(
      "select shard_count from troupe.family_shards where family = $1", pqxx::params{info.name});
    if (stored) {
      // Without counts of the caller's own, the stored ones hold even when a default has changed.
      const bool asked = std::ranges::any_of(counts, [&](auto c) { return c.fam == info.id; });
      if (asked && std::get<0>(*stored) != count)
        throw problem{errc::internal, "family " + std::string{info.name} + " was born with " +
                                        std::to_string(std::get<0>(*stored)) + " shards, not " +
                                        std::to_string(count) + "; the count never changes"};
      continue;
    }
    work.exec("insert into troupe.family_shards (family, shard_count) values ($1, $2)",
              pqxx::params{info.name, count});
    for (std::uint32_t shard = 0; shard < count; ++shard)
      work.exec("insert into troupe.shard_home (shard_id, family, database) values ($1, $2, $3)",
                pqxx::params{shard, info.name, databases[shard % databases.size()].name});
  }
  const auto homeless = work.exec(
    "select distinct database from troupe.shard_home"
    " where database not in (select name from troupe.database where dsn <> '')");
  for (const auto& row : homeless) {
    const auto name = row[0].as<std::string>();
    if (!std::ranges::contains(databases, name, &database_address::name))
      throw problem{errc::internal,
                    "shards live in database \"" + name + "\", which is not configured"};
  }
  work.commit();
}

/// `configured`, and what the control database says was added at run time.
std::vector<database_address> with_added(pqxx::connection& control,
                                         std::span<const database_address> configured) {
  std::vector<database_address> all{configured.begin(), configured.end()};
  pqxx::nontransaction read{control};
  if (!read.query_value<bool>("select to_regclass('troupe.database') is not null")) return all;
  for (const auto& row : read.exec("select name, dsn, replica_dsn from troupe.database"
                                   " where dsn <> '' order by added_at, name"))
    if (auto name = row[0].as<std::string>();
        !std::ranges::contains(configured, name, &database_address::name))
      all.push_back({std::move(name), row[1].as<std::string>(), row[2].as<std::string>()});
  return all;
}

void create_fences(pqxx::connection& control, pqxx::connection& data, const std::string& database) {
  std::vector<std::pair<std::int32_t, std::string>> shards;
  {
    pqxx::nontransaction read{control};
    for (const auto& row : read.exec("select shard_id, family from troupe.shard_home"
                                     " where database = $1 order by family, shard_id",
                                     pqxx::params{database}))
      shards.emplace_back(row[0].as<std::int32_t>(), row[1].as<std::string>());
  }
  pqxx::work work{data};
  for (const auto& [shard, family] : shards)
    work.exec("insert into troupe.shard_fence (shard_id, family) values ($1, $2)"
              " on conflict (shard_id, family) do nothing",
              pqxx::params{shard, family});
  work.commit();
}

/// Runs `action`, and turns what it throws into a failure that names the database.
template <class Action>
result<void> at_edge(const std::string& database, Action action) {
  try {
    action();
    return {};
  } catch (const problem& error) {
    return fail(error.code, "database " + database + ": " + error.detail);
  } catch (const pqxx::broken_connection& error) {
    return fail(errc::storage_unavailable, "database " + database + ": " + error.what());
  } catch (const std::exception& error) {
    return fail(errc::internal, "database " + database + ": " + error.what());
  }
}

result<void> check_configuration(std::span<const database_address> databases) {
  if (sodium_init() < 0) return fail(errc::internal, "libsodium cannot be used");
  if (databases.empty()) return fail(errc::internal, "no database is configured");
  for (std::size_t i = 0; i < databases.size(); ++i)
    for (std::size_t j = 0; j < i; ++j)
      if (databases[i].name == databases[j].name)
        return fail(errc::internal, "two databases have the name " + databases[i].name);
  return {};
}

} // namespace

std::string_view to_string(migration_state state) noexcept {
  switch (state) {
    case migration_state::applied: return "applied";
    case migration_state::pending: return "pending";
    case migration_state::changed: return "changed";
    case migration_state::unknown: return "unknown";
  }
  return "unknown";
}

result<std::vector<database_status>> migrate_up(std::span<const database_address> databases,
                                                std::span<const family_shard_count> counts) {
  if (auto usable = check_configuration(databases); !usable) return std::unexpected(usable.error());
  std::vector<database_status> status;
  std::optional<pqxx::connection> control;
  std::vector<database_address> all{databases.begin(), databases.end()};
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto database = all[i]; // the first one may make the list longer
    const bool first = i == 0;
    auto done = at_edge(database.name, [&] {
      auto connection = open(database);
      lock(connection); // a session's lock: it goes with the connection, however that ends
      apply_pending(connection, database, first);
      if (first) {
        settle_homes(connection, databases, counts);
        create_fences(connection, connection, database.name);
        all = with_added(connection, databases);
      } else {
        create_fences(*control, connection, database.name);
      }
      status.push_back({database.name, compare(read_applied(connection), first)});
      if (first) control.emplace(std::move(connection));
    });
    if (!done) return std::unexpected(done.error());
  }
  return status;
}

result<std::vector<database_status>> migration_status(std::span<const database_address> databases) {
  if (auto usable = check_configuration(databases); !usable) return std::unexpected(usable.error());
  std::vector<database_status> status;
  std::vector<database_address> all{databases.begin(), databases.end()};
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto database = all[i]; // the first one may make the list longer
    const bool first = i == 0;
    auto done = at_edge(database.name, [&] {
      auto connection = open(database);
      check_placement(connection, database.placement);
      if (first) all = with_added(connection, databases);
      status.push_back({database.name, compare(read_applied(connection), first)});
    });
    if (!done) return std::unexpected(done.error());
  }
  return status;
}

result<void> check_schema(std::span<const database_address> databases) {
  auto status = migration_status(databases);
  if (!status) return std::unexpected(status.error());
  for (const auto& database : *status) {
    auto checked = at_edge(database.database, [&] {
      refuse_foreign(database.migrations);
      for (const auto& row : database.migrations)
        if (row.state == migration_state::pending)
          throw problem{errc::internal, "the schema is older than this program: migration " +
                                          std::to_string(row.version) + " (" + row.name +
                                          ") is pending; run `troupe migrate up`"};
    });
    if (!checked) return checked;
  }
  return {};
}

} // namespace troupe
