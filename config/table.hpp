#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "config/settings.hpp"

// The one table of all settings. The command line, the environment, the file, the example, the schema
// and the documentation derive from it.

namespace troupe {

/// Where a setting's value lives; the alternative is its type.
using setting_slot = std::variant<bool*, std::uint16_t*, std::uint32_t*, std::chrono::milliseconds*,
                                  byte_size*, std::string*, secret*, std::vector<std::string>*>;

/// Inclusive. For durations in milliseconds, for sizes in bytes, for text its length in bytes.
struct setting_bounds {
  std::uint64_t least = 0;
  std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
};

enum class takes_effect : std::uint8_t { restart, at_once };

struct setting {
  std::string_view name; ///< `section.key`
  setting_slot (*in)(settings&);
  std::string_view help; ///< one sentence, for the example, the schema and --help
  setting_bounds bounds{};
  std::span<const std::string_view> allowed{}; ///< for text; empty: anything
  takes_effect changes = takes_effect::restart;

  std::string_view section() const noexcept { return name.substr(0, name.find('.')); }
  std::string_view key() const noexcept { return name.substr(name.find('.') + 1); }
  bool is_secret() const;
};

std::span<const setting> all_settings() noexcept;

/// Null for a name that is none.
const setting* find_setting(std::string_view name) noexcept;

/// The value of `s` as it is written in TOML: quoted text, numbers, lists.
std::string to_toml(const setting& s, const settings& values);

/// The same as JSON.
std::string to_json(const setting& s, const settings& values);

/// What may be shown of a secret: nothing, or a URL with its password masked.
std::string masked(const secret& value);

/// What kind of value the setting takes, for people: `duration`, `list of text`.
std::string_view type_name(const setting& s);

/// The bounds or the allowed values, for people; empty when there are none.
std::string bounds_text(const setting& s);

/// `TROUPE_HTTP_PORT` for `http.port`.
std::string environment_name(std::string_view name);

} // namespace troupe
