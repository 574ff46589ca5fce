#pragma once

#include <CLI/App.hpp>
#include <expected>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "app/exit_code.hpp"
#include "config/load.hpp"

namespace troupe {

/// What all commands have in common: where settings come from, how failures are told. Lives in `main`;
/// used by one thread.
class command_line {
public:
  /// What a command needs beyond a configuration without errors.
  enum class needs { nothing, databases, serving };

  /// Adds --config, --set and --database to the whole program.
  explicit command_line(CLI::App& root);

  /// A sub-command that runs `action` when it was chosen. `examples` ends its --help.
  CLI::App* add(CLI::App& parent, const std::string& name, const std::string& what,
                const std::string& examples, std::function<exit_code()> action);

  /// A flag --section.key for each setting, shown in the command's --help.
  void add_setting_flags(CLI::App& command);

  /// Reads all sources, sets up the log and gives the warnings to it. Everything that is wrong was
  /// printed when this fails.
  std::expected<configuration, exit_code> load(needs what);

  /// The chosen sub-command.
  exit_code run() const { return action_(); }

private:
  std::expected<configuration, std::vector<config_problem>> read(needs what) const;

  std::string config_file_;
  std::vector<std::string> sets_; ///< `section.key=value`
  config_sources sources_;
  std::function<exit_code()> action_;
};

/// Prints `troupe: …` to standard error and gives the exit code back.
exit_code give_up(exit_code code, std::string_view message);
exit_code give_up(const failure& why);

// One function per sub-command, each in a file of its own.
void add_certs_command(CLI::App& root, command_line& line);
void add_config_command(CLI::App& root, command_line& line);
void add_databases_command(CLI::App& root, command_line& line);
void add_drain_command(CLI::App& root, command_line& line);
void add_drill_command(CLI::App& root, command_line& line);
void add_generate_command(CLI::App& root, command_line& line);
void add_healthcheck_command(CLI::App& root, command_line& line);
void add_migrate_command(CLI::App& root, command_line& line);
void add_nodes_command(CLI::App& root, command_line& line);
void add_openapi_command(CLI::App& root, command_line& line);
/// Of `troupe shards`.
void add_pin_commands(CLI::App& shards, command_line& line);
void add_provider_simulator_command(CLI::App& root, command_line& line);
void add_providers_command(CLI::App& root, command_line& line);
void add_serve_command(CLI::App& root, command_line& line);
void add_shards_command(CLI::App& root, command_line& line);
void add_version_command(CLI::App& root, command_line& line);

} // namespace troupe
