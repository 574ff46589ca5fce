#include <CLI/CLI.hpp>

#include <cstdio>
#include <vector>

#include "app/command_line.hpp"
#include "app/databases.hpp"
#include "base/family.hpp"
#include "persistence/migrations.hpp"

namespace troupe {

namespace {

/// One line per database and migration. Gives whether everything is applied.
bool print(const std::vector<database_status>& databases) {
  bool complete = true;
  for (const auto& database : databases) {
    for (const auto& row : database.migrations) {
      auto state = to_string(row.state);
      std::printf("%-12s %4d  %-32s %.*s\n", database.database.c_str(), row.version,
                  row.name.c_str(), static_cast<int>(state.size()), state.data());
      complete = complete && row.state == migration_state::applied;
    }
  }
  return complete;
}

exit_code up(command_line& line) {
  auto config = line.load(command_line::needs::databases);
  if (!config) return config.error();
  const auto& shards = config->values.shards;
  std::array counts{family_shard_count{family::directory, shards.directory},
                    family_shard_count{family::player, shards.player},
                    family_shard_count{family::provider, shards.provider}};
  auto done = migrate_up(addresses_of(config->values), counts);
  if (!done) return give_up(done.error());
  print(*done);
  return exit_code::ok;
}

exit_code status(command_line& line) {
  auto config = line.load(command_line::needs::databases);
  if (!config) return config.error();
  auto found = migration_status(addresses_of(config->values));
  if (!found) return give_up(found.error());
  return print(*found) ? exit_code::ok : exit_code::no;
}

} // namespace

void add_migrate_command(CLI::App& root, command_line& line) {
  auto migrate = root.add_subcommand("migrate", "Brings the databases' tables up to date");
  migrate->require_subcommand(1);
  migrate->footer("Examples:\n"
                  "  troupe migrate up\n"
                  "  troupe --database a=postgresql://127.0.0.1/a migrate status");
  auto up_command = line.add(
    *migrate, "up",
    "Applies what is missing, to every database. Several may run at once; empty databases "
    "get their shards here",
    "  troupe migrate up\n"
    "  troupe migrate up --set shards.player=1024     (a new cluster)",
    [&line] { return up(line); });
  line.add_setting_flags(*up_command);
  line.add(*migrate, "status", "Tells what is applied; exit code 1 when something is not",
           "  troupe migrate status", [&line] { return status(line); });
}

} // namespace troupe
