#pragma once

#include <expected>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "config/settings.hpp"

namespace troupe {

/// Where settings come from, from the weakest to the strongest: defaults, file, environment, flags.
struct config_sources {
  std::optional<std::filesystem::path> file;
  std::vector<std::string> environment;                   ///< `NAME=value`, as the process has it
  std::vector<std::pair<std::string, std::string>> flags; ///< (`section.key`, value), the last wins
  std::vector<std::string> databases;                     ///< `name=dsn`
};

/// One thing that is wrong with a configuration.
struct config_problem {
  std::string where; ///< `troupe.toml:3`, `environment TROUPE_HTTP_PORT`, `flag --http.port`
  std::string what;

  bool operator==(const config_problem&) const = default;
};

struct configuration {
  settings values;
  /// Which source gave a setting its value, by its name (`database.a.dsn` for a database's); those that
  /// are missing have their default.
  std::unordered_map<std::string, std::string> origins;
  std::vector<std::string> warnings;

  /// `default` for a setting nobody set.
  std::string_view origin_of(std::string_view name) const;
};

/// Reads all sources. On failure the list holds everything that is wrong, never only the first.
/// The file of a secret (`auth.signing_key_file`) is read here, too.
std::expected<configuration, std::vector<config_problem>> load_configuration(
  const config_sources& sources);

/// The known setting that `name` was probably meant to be; empty when none is near.
std::string nearest_setting(std::string_view name);

/// What `troupe serve` needs beyond a correct configuration: a signing key and a database.
std::vector<config_problem> missing_for_serve(const settings& values);

/// What every command that works on the databases needs.
std::vector<config_problem> missing_for_databases(const settings& values);

} // namespace troupe
