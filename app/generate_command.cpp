#include <CLI/CLI.hpp>

#include <cstdio>
#include <memory>

#include "app/command_line.hpp"
#include "app/databases.hpp"
#include "app/generate.hpp"
#include "app/generate_progress.hpp"

namespace troupe {

namespace {

exit_code generate_data(command_line& line, generate_options options) {
  auto config = line.load(command_line::needs::databases);
  if (!config) return config.error();
  options.password_ops_limit = config->values.auth.password_ops_limit;
  options.password_memory = config->values.auth.password_memory.bytes;
  auto done = generate(addresses_of(config->values), options);
  if (!done) return give_up(done.error());
  using generation::with_commas;
  std::printf(
    "%s players with %s registrations, %s studios with %s games in %.1f s (%s players/s)\n"
    "log-ins: %s, %s\n",
    with_commas(done->players).c_str(), with_commas(done->registrations).c_str(),
    with_commas(done->studios).c_str(), with_commas(done->games).c_str(), done->seconds,
    with_commas(static_cast<std::uint64_t>(static_cast<double>(done->players) / done->seconds))
      .c_str(),
    done->players_file.c_str(), done->users_file.c_str());
  return exit_code::ok;
}

} // namespace

void add_generate_command(CLI::App& root, command_line& line) {
  const auto options = std::make_shared<generate_options>(); // lives as long as the command
  auto command = line.add(
    root, "generate",
    "Fills empty databases with players, studios and games to try things on, and writes their "
    "log-ins "
    "to players.csv and users.csv. The same seed makes the same data",
    "  troupe generate\n"
    "  troupe generate --players 1000000 --studios 50 --seed 3 --out /tmp",
    [&line, options] { return generate_data(line, *options); });
  command->add_option("--players", options->players, "Players, each with 0 to 5 games")
    ->check(CLI::Range(std::uint64_t{0}, max_generated_players))
    ->capture_default_str();
  command
    ->add_option("--studios", options->studios, "Studios, each with 1 to 10 games and one user")
    ->check(CLI::Range(std::uint32_t{0}, max_generated_studios))
    ->capture_default_str();
  command->add_option("--seed", options->seed, "Another seed makes other data")
    ->capture_default_str();
  command->add_option("--out", options->out, "Folder for the two files")
    ->type_name("FOLDER")
    ->capture_default_str();
  command
    ->add_option("--password", options->password,
                 "Of every account. The default is known to everybody: choose another where others "
                 "can reach the API")
    ->capture_default_str();
  command->add_flag("--quiet", options->quiet, "No progress");
  line.add_setting_flags(*command);
}

} // namespace troupe
