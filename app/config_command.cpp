#include <CLI/CLI.hpp>

#include <cstdio>
#include <memory>
#include <string>

#include "app/command_line.hpp"
#include "config/render.hpp"

namespace troupe {

namespace {

exit_code print(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  return std::fflush(stdout) == 0 ? exit_code::ok : exit_code::cannot_create;
}

struct show_options {
  bool origin = false;
  bool json = false;
};

exit_code show(command_line& line, const show_options& options) {
  auto config = line.load(command_line::needs::nothing);
  if (!config) return config.error();
  return print(options.json ? to_json(*config) + '\n' : to_toml(*config, options.origin));
}

exit_code check(command_line& line) {
  auto config = line.load(command_line::needs::serving);
  if (!config) return config.error();
  return print("the configuration is correct\n");
}

} // namespace

void add_config_command(CLI::App& root, command_line& line) {
  auto config = root.add_subcommand("config", "Shows, checks and explains the settings");
  config->require_subcommand(1);
  config->footer("Examples:\n"
                 "  troupe config show --origin\n"
                 "  troupe config example > troupe.toml");

  auto options = std::make_shared<show_options>();
  auto show_command = line.add(*config, "show", "Prints the effective settings, secrets masked",
                               "  troupe config show --origin\n"
                               "  troupe --config /etc/troupe/troupe.toml config show --json",
                               [&line, options] { return show(line, *options); });
  show_command->add_flag("--origin", options->origin, "Tells where each value comes from");
  show_command->add_flag("--json", options->json, "As JSON, with the origins");
  line.add_setting_flags(*show_command);

  auto check_command = line.add(
    *config, "check", "Tells everything that would keep `troupe serve` from starting",
    "  troupe --config troupe.toml config check && systemctl restart troupe",
    [&line] { return check(line); });
  line.add_setting_flags(*check_command);

  line.add(*config, "example", "Prints a complete commented configuration file",
           "  troupe config example > troupe.toml", [] { return print(example_toml()); });
  line.add(*config, "schema", "Prints a JSON Schema of the configuration file",
           "  troupe config schema > troupe.schema.json", [] { return print(config_schema()); });
  line.add(*config, "reference", "Prints the documentation of all settings as Markdown",
           "  troupe config reference > docs/operations/settings.md",
           [] { return print(settings_reference()); });
}

} // namespace troupe
