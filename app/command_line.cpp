#include "app/command_line.hpp"

#include <CLI/CLI.hpp>
#include <unistd.h>

#include <cstdio>
#include <filesystem>

#include "base/log.hpp"
#include "config/table.hpp"

namespace troupe {

namespace {

std::vector<std::string> environment() {
  std::vector<std::string> entries;
  for (auto entry = environ; entry != nullptr && *entry != nullptr; ++entry)
    entries.emplace_back(*entry);
  return entries;
}

/// The configuration file when none was named.
std::optional<std::filesystem::path> usual_file() {
  for (auto path : {"troupe.toml", "/etc/troupe/troupe.toml"}) {
    std::error_code ignored;
    if (std::filesystem::is_regular_file(path, ignored)) return path;
  }
  return std::nullopt;
}

} // namespace

command_line::command_line(CLI::App& root) {
  root
    .add_option("-c,--config", config_file_,
                "Configuration file; else troupe.toml here, else /etc/troupe/troupe.toml")
    ->envname("TROUPE_CONFIG")
    ->type_name("FILE")
    ->group("Configuration");
  root.add_option("--set", sets_, "Sets one setting; may be repeated")
    ->type_name("SECTION.KEY=VALUE")
    ->allow_extra_args(false)
    ->group("Configuration");
  root.add_option("--database", sources_.databases, "Names a database; may be repeated")
    ->type_name("NAME=DSN")
    ->allow_extra_args(false)
    ->group("Configuration");
}

CLI::App* command_line::add(CLI::App& parent, const std::string& name, const std::string& what,
                            const std::string& examples, std::function<exit_code()> action) {
  auto command = parent.add_subcommand(name, what);
  command->footer("Examples:\n" + examples);
  command->callback([this, action = std::move(action)] { action_ = action; });
  return command;
}

void command_line::add_setting_flags(CLI::App& command) {
  auto add_flag = [&](std::string name, std::string_view help, std::string_view type) {
    command
      .add_option_function<std::string>(
        "--" + name,
        [this, name](const std::string& value) { sources_.flags.emplace_back(name, value); },
        std::string{help})
      ->type_name(std::string{type})
      ->take_last()
      ->group("Settings");
  };
  for (const auto& s : all_settings()) {
    // A secret on the command line can be read by every user of the machine; --set is there for those
    // who do not mind.
    if (s.is_secret())
      add_flag(std::string{s.name} + "_file", "File of: " + std::string{s.help}, "FILE");
    else
      add_flag(std::string{s.name}, s.help, type_name(s));
  }
}

std::expected<configuration, std::vector<config_problem>> command_line::read(needs what) const {
  auto sources = sources_;
  sources.environment = environment();
  if (!config_file_.empty())
    sources.file = config_file_;
  else
    sources.file = usual_file();
  std::vector<config_problem> wrong_sets;
  std::vector<std::pair<std::string, std::string>> sets;
  for (const auto& text : sets_) {
    auto equals = text.find('=');
    if (equals == text.npos)
      wrong_sets.push_back({"flag --set", text + " is not of the form section.key=value"});
    else
      sets.emplace_back(text.substr(0, equals), text.substr(equals + 1));
  }
  sources.flags.insert(sources.flags.begin(), sets.begin(), sets.end());
  auto config = load_configuration(sources);
  auto problems = std::move(wrong_sets);
  auto add = [&](const std::vector<config_problem>& more) {
    problems.insert(problems.end(), more.begin(), more.end());
  };
  if (!config)
    add(config.error());
  else if (what == needs::databases)
    add(missing_for_databases(config->values));
  else if (what == needs::serving)
    add(missing_for_serve(config->values));
  if (!problems.empty()) return std::unexpected(std::move(problems));
  return config;
}

std::expected<configuration, exit_code> command_line::load(needs what) {
  auto config = read(what);
  if (!config) {
    for (const auto& problem : config.error())
      std::fprintf(stderr, "%s: %s\n", problem.where.c_str(), problem.what.c_str());
    return std::unexpected(exit_code::config);
  }
  // The loader has checked both words.
  auto level = log::level::info;
  auto form = log::format::automatic;
  log::parse_level(config->values.log.level, level);
  log::parse_format(config->values.log.format, form);
  log::configure(level, form);
  for (const auto& warning : config->warnings)
    log::warn("config", "warning", {{"detail", warning}});
  return std::move(*config);
}

exit_code give_up(exit_code code, std::string_view message) {
  log::flush();
  std::fprintf(stderr, "troupe: %.*s\n", static_cast<int>(message.size()), message.data());
  return code;
}

exit_code give_up(const failure& why) {
  auto code = to_exit_code(why.code);
  if (!why.detail.empty()) return give_up(code, why.detail);
  return give_up(code, to_string(why.code));
}

} // namespace troupe
