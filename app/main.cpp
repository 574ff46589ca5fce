#include <CLI/CLI.hpp>

#include <csignal>
#include <cstdio>
#include <exception>
#include <span>
#include <string_view>

#include "app/command_line.hpp"
#include "base/text.hpp"
#include "config/load.hpp"

namespace {

constexpr auto footer =
  "Examples:\n"
  "  troupe config example > troupe.toml     a configuration to start from\n"
  "  troupe migrate up                       the databases' tables\n"
  "  troupe COMMAND --help                   more about a command\n"
  "\n"
  "Settings come from flags, else TROUPE_* variables, else the file, else their defaults; see\n"
  "`troupe config show --origin`.\n"
  "\n"
  "Exit codes: 0 success, 1 the answer is no (unhealthy, migrations pending), 64 wrong usage,\n"
  "65 the databases hold something unfitting, 66 an input file is missing or unfitting, 69 a server\n"
  "cannot be reached, 70 a fault of the program, 73 a file cannot be written, 75 try again later,\n"
  "78 wrong configuration.";

/// What a word of the command line may have been meant to be, when it is no word of ours.
void suggest(const CLI::App& root, std::span<char* const> words) {
  for (std::string_view word : words) {
    if (word.starts_with("--") && word.contains('.')) {
      auto name = word.substr(2, word.find('=') - 2);
      auto near = troupe::nearest_setting(name);
      if (!near.empty() && near != name) std::fprintf(stderr, "Did you mean --%s?\n", near.c_str());
    }
  }
  if (words.empty() || words.front()[0] == '-') return;
  std::string_view command = words.front();
  for (const auto* known : root.get_subcommands({})) {
    if (known->get_name() == command) return;
    if (troupe::edit_distance(known->get_name(), command) <= 2)
      std::fprintf(stderr, "Did you mean %s?\n", known->get_name().c_str());
  }
}

int run(int argc, char** argv) {
  CLI::App root{"Troupe: an actor-model distributed backend for games and live events", "troupe"};
  root.footer(footer);
  root.fallthrough(); // so that --config may stand before and after the command
  root.require_subcommand(1);
  root.option_defaults()->always_capture_default(false);
  troupe::command_line line{root};
  troupe::add_serve_command(root, line);
  troupe::add_migrate_command(root, line);
  troupe::add_drain_command(root, line);
  troupe::add_drill_command(root, line);
  troupe::add_generate_command(root, line);
  troupe::add_nodes_command(root, line);
  troupe::add_provider_simulator_command(root, line);
  troupe::add_providers_command(root, line);
  troupe::add_shards_command(root, line);
  troupe::add_databases_command(root, line);
  troupe::add_config_command(root, line);
  troupe::add_healthcheck_command(root, line);
  troupe::add_openapi_command(root, line);
  troupe::add_certs_command(root, line);
  troupe::add_version_command(root, line);
  try {
    root.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    auto code = root.exit(error); // prints help, or what is wrong
    if (code == 0) return 0;
    suggest(root, std::span{argv, static_cast<std::size_t>(argc)}.subspan(1));
    return static_cast<int>(troupe::exit_code::usage);
  }
  return static_cast<int>(line.run());
}

} // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE,
              SIG_IGN); // a reader of ours that goes away is an error of one write, not our end
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    return static_cast<int>(troupe::give_up(troupe::exit_code::software, error.what()));
  }
}
