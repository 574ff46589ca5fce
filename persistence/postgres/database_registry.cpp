#include "persistence/database_registry.hpp"

#include <algorithm>
#include <pqxx/pqxx>

#include "persistence/postgres/dial.hpp"

namespace troupe {

namespace {

using namespace std::chrono_literals;

pqxx::connection open(const database_address& database) {
  postgres::dial_options options;
  options.application_name = "troupe databases";
  options.statement_timeout = 10s;
  return std::move(postgres::dial(database.dsn, options).session);
}

/// Runs `action`, and turns what it throws into a failure that names the database.
template <class Action>
auto at_edge(const database_address& database, Action action) -> decltype(action()) {
  try {
    return action();
  } catch (const pqxx::broken_connection& error) {
    return fail(errc::storage_unavailable, "database " + database.name + ": " + error.what());
  } catch (const std::exception& error) {
    return fail(errc::internal, "database " + database.name + ": " + error.what());
  }
}

/// Every change of the list is seen by the nodes with the membership's version.
void tell_nodes(pqxx::work& work) {
  work.exec("update troupe.membership set version = version + 1");
}

result<void> must_be_empty(const database_address& added) {
  return at_edge(added, [&]() -> result<void> {
    auto connection = open(added);
    pqxx::nontransaction read{connection};
    if (read.query_value<bool>("select to_regclass('troupe.shard_fence') is not null") &&
        read.query_value<bool>("select exists (select from troupe.shard_fence)"))
      return fail(errc::precondition_failed,
                  "database " + added.name +
                    " holds shards already: of this cluster under another"
                    " name, or of another cluster");
    return {};
  });
}

} // namespace

result<std::vector<known_database>> known_databases(std::span<const database_address> configured) {
  const auto& control = configured.front();
  return at_edge(control, [&]() -> result<std::vector<known_database>> {
    auto connection = open(control);
    pqxx::nontransaction read{connection};
    std::vector<known_database> known;
    for (const auto& address : configured) known.push_back({address, true, false});
    for (const auto& row : read.exec("select name, dsn, replica_dsn, state = 'draining'"
                                     " from troupe.database order by added_at, name")) {
      const auto name = row[0].as<std::string>();
      const bool draining = row[3].as<bool>();
      const auto same = std::ranges::find(known, name,
                                          [](const auto& one) { return one.address.name; });
      if (same != known.end())
        same->draining = draining;
      else if (!row[1].as<std::string>().empty())
        known.push_back(
          {{name, row[1].as<std::string>(), row[2].as<std::string>()}, false, draining});
    }
    return known;
  });
}

result<void> add_database(std::span<const database_address> configured,
                          const database_address& added) {
  const auto known = known_databases(configured);
  if (!known) return std::unexpected(known.error());
  const auto same = std::ranges::find(*known, added.name,
                                      [](const auto& one) { return one.address.name; });
  if (same == known->end() && added.dsn.empty())
    return fail(errc::precondition_failed,
                "there is no database " + added.name + " yet: say where it is with --dsn");
  if (same != known->end() && !added.dsn.empty())
    return fail(errc::precondition_failed, "there is a database " + added.name + " already");
  if (same == known->end()) {
    if (auto current = check_schema(configured); !current) return current;
    if (auto empty = must_be_empty(added); !empty) return empty;
    std::vector<database_address> all{configured.begin(), configured.end()};
    all.push_back(added);
    if (auto migrated = migrate_up(all); !migrated) return std::unexpected(migrated.error());
  }
  return at_edge(configured.front(), [&]() -> result<void> {
    auto connection = open(configured.front());
    pqxx::work work{connection};
    tell_nodes(work);
    work.exec("insert into troupe.database (name, dsn, replica_dsn) values ($1, $2, $3)"
              " on conflict (name) do update set state = 'active'",
              pqxx::params{added.name, added.dsn, added.replica_dsn});
    work.commit();
    return {};
  });
}

result<void> drain_database(std::span<const database_address> configured, const std::string& name) {
  return at_edge(configured.front(), [&]() -> result<void> {
    auto connection = open(configured.front());
    pqxx::work work{connection};
    tell_nodes(work);
    work.exec("insert into troupe.database (name, dsn, state) values ($1, '', 'draining')"
              " on conflict (name) do update set state = 'draining'",
              pqxx::params{name});
    work.commit();
    return {};
  });
}

result<void> forget_database(std::span<const database_address> configured,
                             const std::string& name) {
  return at_edge(configured.front(), [&]() -> result<void> {
    auto connection = open(configured.front());
    pqxx::work work{connection};
    tell_nodes(work);
    work.exec("delete from troupe.database d where name = $1 and dsn <> '' and state = 'draining'"
              " and not exists (select from troupe.shard_home where database = d.name)"
              " and not exists (select from troupe.shard_move where d.name in (source, target))",
              pqxx::params{name});
    work.commit();
    return {};
  });
}

result<std::vector<shard_home>> shard_homes(std::span<const database_address> configured) {
  const auto& control = configured.front();
  return at_edge(control, [&]() -> result<std::vector<shard_home>> {
    auto connection = open(control);
    pqxx::nontransaction read{connection};
    std::vector<shard_home> homes;
    for (const auto& row : read.exec("select family, shard_id, database from troupe.shard_home"
                                     " order by family, shard_id"))
      if (const auto fam = parse_family(row[0].as<std::string>()))
        homes.push_back({{*fam, row[1].as<std::int32_t>()}, row[2].as<std::string>()});
    return homes;
  });
}

result<std::vector<database_usage>> usage_of(std::span<const known_database> databases) {
  std::vector<database_usage> all(databases.size());
  const auto& control = databases.front().address;
  auto counted = at_edge(control, [&]() -> result<void> {
    auto connection = open(control);
    pqxx::nontransaction read{connection};
    for (const auto& row : read.exec("select database, family, count(*) from troupe.shard_home"
                                     " group by database, family")) {
      const auto fam = parse_family(row[1].as<std::string>());
      const auto found = std::ranges::find(databases, row[0].as<std::string>(),
                                           [](const auto& one) { return one.address.name; });
      if (fam && found != databases.end())
        all[static_cast<std::size_t>(found - databases.begin())].shards[*fam] =
          row[2].as<std::size_t>();
    }
    return {};
  });
  if (!counted) return std::unexpected(counted.error());
  for (std::size_t i = 0; i < databases.size(); ++i) {
    auto sized = at_edge(databases[i].address, [&]() -> result<void> {
      auto connection = open(databases[i].address);
      pqxx::nontransaction read{connection};
      all[i].bytes = read.query_value<std::int64_t>("select pg_database_size(current_database())");
      return {};
    });
    all[i].reachable = sized.has_value();
  }
  return all;
}

} // namespace troupe
