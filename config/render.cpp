#include "config/render.hpp"

#include <algorithm>
#include <map>

#include "base/text.hpp"
#include "config/table.hpp"

namespace troupe {

namespace {

/// Breaks prose into comment lines of at most `width` columns.
std::string comment(std::string_view text, std::size_t width = 100) {
  std::string out;
  std::string line = "#";
  while (!text.empty()) {
    auto space = std::min(text.find(' '), text.size());
    auto word = text.substr(0, space);
    if (line.size() + 1 + word.size() > width) {
      out += line + '\n';
      line = "#";
    }
    line += ' ';
    line += word;
    text.remove_prefix(std::min(space + 1, text.size()));
  }
  return out + line + '\n';
}

/// A line about what values a setting takes.
std::string facts(const setting& s) {
  std::string out{type_name(s)};
  if (auto bounds = bounds_text(s); !bounds.empty()) out += ", " + bounds;
  if (s.changes == takes_effect::at_once) out += "; can change while running";
  return out;
}

/// Calls `visit(section, settings)` for each section in the table's order.
template <class F>
void for_each_section(F&& visit) {
  auto rest = all_settings();
  while (!rest.empty()) {
    auto section = rest.front().section();
    auto end = std::ranges::find_if(rest, [&](const auto& s) { return s.section() != section; });
    auto count = static_cast<std::size_t>(end - rest.begin());
    visit(section, rest.first(count));
    rest = rest.subspan(count);
  }
}

std::string default_text(const setting& s) {
  settings defaults;
  return to_toml(s, defaults);
}

std::string schema_of(const setting& s) {
  settings defaults;
  std::string out = "{";
  auto put = [&](std::string_view key, const std::string& value) {
    if (out.size() > 1) out += ", ";
    out += in_quotes(key) + ": " + value;
  };
  auto type = type_name(s);
  if (type == "integer") {
    put("type", in_quotes("integer"));
    put("minimum", std::to_string(s.bounds.least));
    put("maximum", std::to_string(s.bounds.most));
  } else if (type == "true or false") {
    put("type", in_quotes("boolean"));
  } else if (type == "duration") {
    put("type", in_quotes("string"));
    put("pattern", in_quotes("^[0-9]+(\\.[0-9]{1,3})?(ms|s|m|h|d)$|^0$"));
  } else if (type == "size") {
    put("type", "[\"string\", \"integer\"]");
    put("pattern", in_quotes("^[0-9]+(\\.[0-9]{1,3})?(B|KiB|MiB|GiB|kB|MB|GB)?$"));
  } else if (type == "list of text") {
    put("type", in_quotes("array"));
    put("items", "{\"type\": \"string\"}");
  } else {
    put("type", in_quotes("string"));
    if (!s.allowed.empty()) {
      std::string words;
      for (auto word : s.allowed) words += (words.empty() ? "" : ", ") + in_quotes(word);
      put("enum", '[' + words + ']');
    }
    if (s.is_secret()) put("writeOnly", "true");
  }
  put("default", to_json(s, defaults));
  auto help = std::string{s.help};
  if (auto bounds = bounds_text(s); !bounds.empty() && s.allowed.empty())
    help += " (" + bounds + ')';
  put("description", in_quotes(help));
  return out + '}';
}

std::string file_schema(const setting& s) {
  return "{\"type\": \"string\", \"description\": " +
         in_quotes("A file that holds " + std::string{s.name} + ".") + '}';
}

} // namespace

std::string to_toml(const configuration& config, bool with_origins) {
  std::string out;
  auto put = [&](std::string line, std::string_view name) {
    if (with_origins) {
      if (line.size() < 44) line.append(44 - line.size(), ' ');
      line += "  # ";
      line += config.origin_of(name);
    }
    out += line + '\n';
  };
  for_each_section([&](std::string_view section, std::span<const setting> members) {
    if (!out.empty()) out += '\n';
    out += '[' + std::string{section} + "]\n";
    for (const auto& s : members)
      put(std::string{s.key()} + " = " + to_toml(s, config.values), s.name);
  });
  for (const auto& database : config.values.databases) {
    auto name = "database." + database.name + '.';
    out += "\n[[database]]\nname = " + in_quotes(database.name) + '\n';
    put("dsn = " + in_quotes(masked(database.dsn)), name + "dsn");
    if (!database.replica_dsn.empty())
      put("replica_dsn = " + in_quotes(masked(database.replica_dsn)), name + "replica_dsn");
    if (database.on_citus) put("placement = \"citus\"", name + "placement");
  }
  return out;
}

std::string to_json(const configuration& config) {
  std::string out = "{";
  for_each_section([&](std::string_view section, std::span<const setting> members) {
    out += in_quotes(section) + ": {";
    for (const auto& s : members) {
      if (&s != &members.front()) out += ", ";
      out += in_quotes(s.key()) + ": " + to_json(s, config.values);
    }
    out += "}, ";
  });
  out += "\"database\": [";
  for (const auto& database : config.values.databases) {
    if (&database != &config.values.databases.front()) out += ", ";
    out += "{\"name\": " + in_quotes(database.name) +
           ", \"dsn\": " + in_quotes(masked(database.dsn)) +
           ", \"replica_dsn\": " + in_quotes(masked(database.replica_dsn)) +
           ", \"placement\": " + (database.on_citus ? "\"citus\"" : "\"postgres\"") + '}';
  }
  out += "], \"origins\": {";
  bool first = true;
  for (const auto& [name, where] : std::map{config.origins.begin(), config.origins.end()}) {
    if (!first) out += ", ";
    first = false;
    out += in_quotes(name) + ": " + in_quotes(where);
  }
  return out + "}}";
}

std::string example_toml() {
  std::string out = comment(
    "Every setting of Troupe with its default. A value comes from the first of: a flag (--http.port "
    "8000 or --set http.port=8000), the environment (TROUPE_HTTP_PORT), this file, the default. A "
    "secret may also stand in a file of its own, named by the setting with _file.");
  out += "#\n" + comment("Made by `troupe config example`.");
  for_each_section([&](std::string_view section, std::span<const setting> members) {
    out += "\n[" + std::string{section} + "]\n";
    for (const auto& s : members) {
      out += '\n' + comment(s.help) + comment('(' + facts(s) + ')');
      if (s.is_secret()) {
        out += '#' + std::string{s.key()} + " = \"\"\n";
        out += '#' + std::string{s.key()} + "_file = \"\"\n";
      } else {
        out += std::string{s.key()} + " = " + default_text(s) + '\n';
      }
    }
  });
  out += '\n' +
         comment("The databases, one or more, each with a name of its own. Shards are spread over "
                 "them when the cluster is born; the first is also the control database. Neither "
                 "names nor which is first may change from then on. From the environment: "
                 "TROUPE_DATABASE_<NAME>_DSN.") +
         "#\n#[[database]]\n#name = \"a\"\n"
         "#dsn = \"postgresql://troupe@127.0.0.1:5432/troupe_a\"\n"
         "#dsn_file = \"\"\n" +
         comment("A read replica, for reads over all shards.") +
         "#replica_dsn = \"\"\n#replica_dsn_file = \"\"\n" +
         comment("\"postgres\", or \"citus\" when the dsn is that of a coordinator of Citus.") +
         "#placement = \"postgres\"\n";
  return out;
}

std::string config_schema() {
  std::string out = "{\n  \"$schema\": \"https://json-schema.org/draft/2020-12/schema\",\n"
                    "  \"title\": \"Troupe's configuration\",\n  \"type\": \"object\",\n"
                    "  \"additionalProperties\": false,\n  \"properties\": {\n";
  for_each_section([&](std::string_view section, std::span<const setting> members) {
    out += "    " + in_quotes(section) +
           ": {\n      \"type\": \"object\",\n"
           "      \"additionalProperties\": false,\n      \"properties\": {";
    for (const auto& s : members) {
      out += &s == &members.front() ? "\n" : ",\n";
      out += "        " + in_quotes(s.key()) + ": " + schema_of(s);
      if (s.is_secret())
        out += ",\n        " + in_quotes(std::string{s.key()} + "_file") + ": " + file_schema(s);
    }
    out += "\n      }\n    },\n";
  });
  out += R"(    "database": {
      "type": "array",
      "description": "The databases, one or more; shards are spread over them.",
      "items": {
        "type": "object",
        "additionalProperties": false,
        "required": ["name"],
        "properties": {
          "name": {"type": "string", "pattern": "^[a-z][a-z0-9_]{0,31}$"},
          "dsn": {"type": "string", "writeOnly": true, "description": "libpq URI or keywords."},
          "dsn_file": {"type": "string", "description": "A file that holds the dsn."},
          "replica_dsn": {"type": "string", "writeOnly": true, "description": "The same of a read replica."},
          "replica_dsn_file": {"type": "string", "description": "A file that holds the replica_dsn."},
          "placement": {"enum": ["postgres", "citus"], "default": "postgres", "description": "citus: the dsn is that of a coordinator of Citus."}
        }
      }
    }
  }
}
)";
  return out;
}

std::string settings_reference() {
  std::string out =
    "# Settings\n\n"
    "Made by `troupe config reference`. A value comes from the first of: a flag "
    "(`--http.port 8000` or `--set http.port=8000`), the environment "
    "(`TROUPE_HTTP_PORT`), the file, the default. Secrets (🔒) may also come from a "
    "file of their own: `auth.signing_key_file`, `TROUPE_AUTH_SIGNING_KEY_FILE`. "
    "Unless it says otherwise, a change needs a restart.\n";
  for_each_section([&](std::string_view section, std::span<const setting> members) {
    out += "\n## " + std::string{section} +
           "\n\n| setting | default | values | what it is for |\n"
           "|---|---|---|---|\n";
    for (const auto& s : members) {
      out += "| `" + std::string{s.name} + '`' + (s.is_secret() ? " 🔒" : "") + " | `" +
             default_text(s) + "` | " + facts(s) + " | " + std::string{s.help} + " |\n";
    }
  });
  out +=
    "\n## database\n\n"
    "One `[[database]]` each. Shards are spread over them when the cluster is born; the first is "
    "also the control database. Those of the file come first, in its order, then those that "
    "only the environment names, by name, then those of flags.\n\n"
    "| key | what it is for |\n|---|---|\n"
    "| `name` | lower-case letters, digits and `_`; may not change once the database holds data |\n"
    "| `dsn` 🔒 | libpq URI or keywords; `TROUPE_DATABASE_<NAME>_DSN`, `--database name=dsn` |\n"
    "| `replica_dsn` 🔒 | the same of a read replica, for reads over all shards; "
    "`TROUPE_DATABASE_<NAME>_REPLICA_DSN` |\n"
    "| `placement` | `postgres`, or `citus` when the dsn is that of a coordinator of Citus; "
    "`TROUPE_DATABASE_<NAME>_PLACEMENT` |\n";
  return out;
}

} // namespace troupe
