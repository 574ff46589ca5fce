#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>

#include "app/command_line.hpp"
#include "app/databases.hpp"
#include "app/shard_moves.hpp"
#include "base/json.hpp"

namespace troupe {

// What --json prints.
struct database_json {
  std::string name;
  std::string state;
  bool configured = false;
  bool control = false;
  bool reachable = false;
  std::optional<std::int64_t> bytes;
  std::int64_t directory = 0;
  std::int64_t player = 0;
  std::int64_t catalog = 0;
  std::int64_t provider = 0;
};

namespace {

struct database_options {
  std::string name;
  std::string dsn;
  std::string replica_dsn;
  move_options moves;
};

result<std::vector<database_json>> look(const std::vector<database_address>& configured) {
  const auto known = known_databases(configured);
  if (!known) return std::unexpected(known.error());
  const auto usage = usage_of(*known);
  if (!usage) return std::unexpected(usage.error());
  std::vector<database_json> rows;
  for (std::size_t i = 0; i < known->size(); ++i) {
    const auto& [address, is_configured, draining] = (*known)[i];
    const auto& used = (*usage)[i];
    auto shards = [&](family fam) {
      const auto found = used.shards.find(fam);
      return found == used.shards.end() ? 0 : static_cast<std::int64_t>(found->second);
    };
    rows.push_back({.name = address.name,
                    .state = draining ? "draining" : "active",
                    .configured = is_configured,
                    .control = i == 0,
                    .reachable = used.reachable,
                    .bytes = used.reachable ? std::optional{used.bytes} : std::nullopt,
                    .directory = shards(family::directory),
                    .player = shards(family::player),
                    .catalog = shards(family::catalog),
                    .provider = shards(family::provider)});
  }
  return rows;
}

exit_code list(command_line& line, const database_options& options) {
  auto config = line.load(command_line::needs::databases);
  if (!config) return config.error();
  const auto rows = look(addresses_of(config->values));
  if (!rows) return give_up(rows.error());
  if (options.moves.json) {
    std::printf("%s\n", to_json(*rows).c_str());
    return exit_code::ok;
  }
  std::printf("%-14s  %-8s  %-10s  %9s  %6s  %7s  %8s  %9s  %s\n", "database", "state", "known by",
              "directory", "player", "catalog", "provider", "MiB", "reachable");
  for (const auto& row : *rows)
    std::printf("%-14s  %-8s  %-10s  %9lld  %6lld  %7lld  %8lld  %9.1f  %s\n", row.name.c_str(),
                row.state.c_str(), row.configured ? "settings" : "its row",
                static_cast<long long>(row.directory), static_cast<long long>(row.player),
                static_cast<long long>(row.catalog), static_cast<long long>(row.provider),
                static_cast<double>(row.bytes.value_or(0)) / (1 << 20),
                row.reachable ? "yes" : "NO");
  return exit_code::ok;
}

exit_code add(command_line& line, const database_options& options) {
  auto config = line.load(command_line::needs::databases);
  if (!config) return config.error();
  const auto added = add_database(addresses_of(config->values),
                                  {options.name, options.dsn, options.replica_dsn});
  if (!added) return give_up(added.error());
  std::printf("database %s takes shards; `troupe shards rebalance` gives it its share\n",
              options.name.c_str());
  return exit_code::ok;
}

exit_code drain(command_line& line, const database_options& options) {
  auto config = line.load(command_line::needs::databases);
  if (!config) return config.error();
  const auto configured = addresses_of(config->values);
  auto known = known_databases(configured);
  if (!known) return give_up(known.error());
  const auto drained = std::ranges::find(*known, options.name,
                                         [](const auto& one) { return one.address.name; });
  if (drained == known->end())
    return give_up(exit_code::data, "there is no database " + options.name);
  if (!options.moves.dry_run)
    if (auto marked = drain_database(configured, options.name); !marked)
      return give_up(marked.error());
  drained->draining = true;
  std::vector<std::string> active;
  for (const auto& one : *known)
    if (!one.draining) active.push_back(one.address.name);
  if (active.empty()) return give_up(exit_code::data, "there is no other database to move to");
  const auto homes = shard_homes(configured);
  if (!homes) return give_up(homes.error());
  auto moves = plan_rebalance(*homes, active);
  std::erase_if(moves, [&](const auto& move) { return move.source != options.name; });
  if (const auto done = run_moves(*known, moves, options.moves);
      done != exit_code::ok || options.moves.dry_run)
    return done;
  if (auto forgotten = forget_database(configured, options.name); !forgotten)
    return give_up(forgotten.error());
  const bool control = drained == known->begin();
  std::fprintf(stderr, "database %s has no shards left. %s\n", options.name.c_str(),
               control               ? "It stays the control database."
               : drained->configured ? "It can be taken out of every node's configuration."
                                     : "Nodes close it within a second; then it can go.");
  return exit_code::ok;
}

} // namespace

void add_databases_command(CLI::App& root, command_line& line) {
  auto databases = root.add_subcommand("databases", "Shows, adds and empties databases");
  databases->require_subcommand(1);
  auto options = std::make_shared<database_options>();

  auto listing = line.add(*databases, "list", "Lists databases: state, shards, size",
                          "  troupe databases list\n  troupe databases list --json",
                          [&line, options] { return list(line, *options); });
  listing->add_flag("--json", options->moves.json, "As JSON, for scripts");

  auto adding = line.add(
    *databases, "add",
    "Migrates an empty database and makes it known to all nodes, while they run; or lets one that was "
    "drained take shards again. Its DSN is stored in the control database, password and all",
    "  troupe databases add c --dsn postgresql://troupe@db-c/troupe\n"
    "  TROUPE_ADDED_DSN=postgresql://troupe:secret@db-c/troupe troupe databases add c\n"
    "  troupe databases add b     (takes back what `drain b` began)",
    [&line, options] { return add(line, *options); });
  adding->add_option("name", options->name, "Its name in the cluster")->required();
  adding->add_option("--dsn", options->dsn, "Where it is: libpq URI or connection string")
    ->envname("TROUPE_ADDED_DSN");
  adding->add_option("--replica-dsn", options->replica_dsn, "Of a read replica")
    ->envname("TROUPE_ADDED_REPLICA_DSN");

  auto draining = line.add(
    *databases, "drain",
    "Moves every shard off a database, while nodes serve. Say it again to go on after an interruption",
    "  troupe databases drain b\n  troupe databases drain b --dry-run",
    [&line, options] { return drain(line, *options); });
  draining->add_option("name", options->name, "The database")->required();
  draining->add_flag("--dry-run", options->moves.dry_run, "Only tells what would move");
  draining->add_flag("--json", options->moves.json, "As JSON, for scripts");
}

} // namespace troupe
