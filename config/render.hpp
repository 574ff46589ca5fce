#pragma once

#include <string>

#include "config/load.hpp"

namespace troupe {

/// The effective settings as TOML, secrets masked; with each line's source as a comment if asked.
std::string to_toml(const configuration& config, bool with_origins);

/// The same as JSON, for the operations port: `{"http": {"port": 8000, …}, …, "database": [{…}],
/// "origins": {"http.port": "troupe.toml:3", …}}`.
std::string to_json(const configuration& config);

/// A complete commented file with every setting at its default (`troupe.example.toml`).
std::string example_toml();

/// A JSON Schema (2020-12) of the file.
std::string config_schema();

/// The reference of all settings as Markdown (`docs/operations/settings.md`).
std::string settings_reference();

} // namespace troupe
