#include "config/load.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <fstream>
#include <map>
#include <set>
#include <sys/stat.h>
#include <toml++/toml.hpp>
#include <variant>

#include "base/family.hpp"
#include "base/text.hpp"
#include "config/table.hpp"

namespace troupe {

namespace {

constexpr std::string_view prefix = "TROUPE_";
constexpr std::string_view file_suffix = "_file";
constexpr std::size_t largest_secret_file = 64 * 1024; // bytes

/// A value as a source holds it. Text of the environment and of flags may stand for any type.
struct raw_value {
  std::variant<std::string, std::int64_t, bool, std::vector<std::string>, std::monostate> value;
  bool untyped = false; ///< text that may stand for a number, a list and so on
};

/// The nearest word, if it is near enough to be what was meant.
std::string_view nearest(std::string_view word, const std::vector<std::string>& known) {
  std::string_view best;
  auto least = std::max<std::size_t>(2, word.size() / 4) + 1;
  for (const auto& candidate : known) {
    auto distance = edit_distance(word, candidate);
    if (distance >= least) continue;
    least = distance;
    best = candidate;
  }
  return best;
}

std::string unknown(std::string_view what, std::string_view word,
                    const std::vector<std::string>& known) {
  std::string out = "unknown ";
  out += what;
  out += ' ';
  out += in_quotes(word);
  if (auto near = nearest(word, known); !near.empty()) {
    out += "; did you mean ";
    out += in_quotes(near);
    out += '?';
  }
  return out;
}

/// Every name a setting can be given under, with those that name a secret's file.
std::vector<std::string> known_names() {
  std::vector<std::string> names;
  for (const auto& s : all_settings()) {
    names.emplace_back(s.name);
    if (s.is_secret()) names.push_back(std::string{s.name} + std::string{file_suffix});
  }
  return names;
}

std::expected<std::uint64_t, std::string> to_number(const raw_value& raw) {
  if (auto number = std::get_if<std::int64_t>(&raw.value)) {
    if (*number < 0) return std::unexpected("is negative");
    return static_cast<std::uint64_t>(*number);
  }
  auto text = std::get_if<std::string>(&raw.value);
  std::uint64_t number = 0;
  if (text == nullptr || !raw.untyped) return std::unexpected("is not an integer");
  auto end = text->data() + text->size();
  auto [at, error] = std::from_chars(text->data(), end, number);
  if (error != std::errc{} || at != end || text->empty())
    return std::unexpected(in_quotes(*text) + " is not an integer");
  return number;
}

/// Sets one setting from one value. Gives what is wrong with the value.
class assignment {
public:
  assignment(const setting& s, const raw_value& raw) : setting_(s), raw_(raw) {}

  std::string into(settings& values) {
    std::visit([this](auto* slot) { set(*slot); }, setting_.in(values));
    return std::move(wrong_);
  }

private:
  bool within(std::uint64_t value) {
    if (value >= setting_.bounds.least && value <= setting_.bounds.most) return true;
    wrong_ = "is out of bounds: " + bounds_text(setting_);
    return false;
  }

  const std::string* text() {
    auto found = std::get_if<std::string>(&raw_.value);
    if (found == nullptr) wrong_ = "is not " + std::string{type_name(setting_)};
    return found;
  }

  void set(bool& slot) {
    if (auto flag = std::get_if<bool>(&raw_.value)) {
      slot = *flag;
      return;
    }
    auto word = std::get_if<std::string>(&raw_.value);
    if (word != nullptr && raw_.untyped && (*word == "true" || *word == "false"))
      slot = *word == "true";
    else
      wrong_ = "is neither true nor false";
  }

  template <class Integer>
  void set_integer(Integer& slot) {
    auto number = to_number(raw_);
    if (!number)
      wrong_ = number.error();
    else if (within(*number))
      slot = static_cast<Integer>(*number);
  }
  void set(std::uint16_t& slot) { set_integer(slot); }
  void set(std::uint32_t& slot) { set_integer(slot); }

  void set(std::chrono::milliseconds& slot) {
    auto word = std::get_if<std::string>(&raw_.value);
    auto parsed = word ? parse_duration(*word) : std::nullopt;
    if (!parsed)
      wrong_ = "is not a duration such as \"500ms\", \"2s\", \"15m\", \"12h\" or \"30d\"";
    else if (within(static_cast<std::uint64_t>(parsed->count())))
      slot = *parsed;
  }

  void set(byte_size& slot) {
    std::optional<byte_size> parsed;
    if (auto number = std::get_if<std::int64_t>(&raw_.value); number != nullptr && *number >= 0)
      parsed = byte_size{static_cast<std::uint64_t>(*number)};
    else if (auto word = std::get_if<std::string>(&raw_.value))
      parsed = parse_byte_size(*word);
    if (!parsed)
      wrong_ = "is not a size such as \"512KiB\" or \"64MiB\"";
    else if (within(parsed->bytes))
      slot = *parsed;
  }

  void set(std::string& slot) {
    auto found = text();
    if (found == nullptr) return;
    if (!setting_.allowed.empty() &&
        std::ranges::find(setting_.allowed, *found) == setting_.allowed.end())
      wrong_ = in_quotes(*found) + " is none of " + bounds_text(setting_);
    else if (setting_.allowed.empty() && !within_length(found->size()))
      return;
    else
      slot = *found;
  }

  /// A secret's value never goes into a message.
  void set(secret& slot) {
    auto found = text();
    if (found == nullptr) return;
    if (found->empty())
      slot.value.clear();
    else if (within_length(found->size()))
      slot.value = *found;
  }

  bool within_length(std::size_t size) {
    if (size < setting_.bounds.least)
      wrong_ = "is shorter than " + std::to_string(setting_.bounds.least) + " bytes";
    else if (size > setting_.bounds.most)
      wrong_ = "is longer than " + std::to_string(setting_.bounds.most) + " bytes";
    return wrong_.empty();
  }

  void set(std::vector<std::string>& slot) {
    if (auto list = std::get_if<std::vector<std::string>>(&raw_.value)) {
      slot = *list;
      return;
    }
    auto word = std::get_if<std::string>(&raw_.value);
    if (word == nullptr || !raw_.untyped) {
      wrong_ = "is not a list of text such as [\"a\", \"b\"]";
      return;
    }
    slot.clear();
    for (std::string_view rest = *word; !rest.empty();) {
      auto comma = std::min(rest.find(','), rest.size());
      auto item = rest.substr(0, comma);
      while (item.starts_with(' ')) item.remove_prefix(1);
      while (item.ends_with(' ')) item.remove_suffix(1);
      if (!item.empty()) slot.emplace_back(item);
      rest.remove_prefix(std::min(comma + 1, rest.size()));
    }
  }

  const setting& setting_;
  const raw_value& raw_;
  std::string wrong_;
};

/// A database as far as the sources have told; later sources overwrite.
struct database_entry {
  std::size_t order = 0;
  std::string where;
  secret dsn;
  secret replica_dsn;
  std::string placement = "postgres";
};

/// A secret's file, named by a source; it is read when no stronger source has overwritten it.
struct secret_file {
  std::string path;
  std::string where;
};

bool is_database_name(std::string_view name) {
  if (name.empty() || name.size() > 32 || name.front() < 'a' || name.front() > 'z') return false;
  if (name.ends_with("_replica")) return false; // TROUPE_DATABASE_X_REPLICA_DSN would be ambiguous
  return std::ranges::all_of(
    name, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; });
}

/// Kubernetes puts such variables into every container for every service of the namespace.
bool is_service_link(std::string_view name) {
  if (name.ends_with("_SERVICE_HOST") || name.contains("_SERVICE_PORT")) return true;
  return name.contains("_PORT_") && (name.contains("_TCP") || name.contains("_UDP"));
}

class loader {
public:
  explicit loader(const config_sources& sources) : sources_(sources) {}

  std::expected<configuration, std::vector<config_problem>> run() {
    if (sources_.file) read_file(*sources_.file);
    read_environment();
    read_flags();
    read_secret_files();
    take_databases();
    check_together();
    if (!problems_.empty()) return std::unexpected(std::move(problems_));
    return std::move(config_);
  }

private:
  void complain(std::string where, std::string what) {
    problems_.push_back({std::move(where), std::move(what)});
  }

  /// Sets `name`, which may be the name of a secret's file, from one source.
  void assign(std::string_view name, const raw_value& raw, const std::string& where,
              std::set<std::string>& seen) {
    auto s = find_setting(name);
    bool from_file = false;
    if (s == nullptr && name.ends_with(file_suffix)) {
      s = find_setting(name.substr(0, name.size() - file_suffix.size()));
      from_file = s != nullptr && s->is_secret();
      if (!from_file) s = nullptr;
    }
    if (s == nullptr) {
      complain(where, unknown("setting", name, known_));
      return;
    }
    std::string plain{s->name};
    if (s->is_secret() && seen.contains(from_file ? plain : plain + "_file")) {
      complain(where, plain + " and " + plain + "_file are both given; keep one");
      return;
    }
    seen.insert(std::string{name});
    if (from_file) {
      auto path = std::get_if<std::string>(&raw.value);
      if (path == nullptr || path->empty())
        complain(where, std::string{name} + " is not the path of a file");
      else
        secret_files_[plain] = {*path, where};
      return;
    }
    if (auto wrong = assignment{*s, raw}.into(config_.values); !wrong.empty()) {
      complain(where, plain + ' ' + wrong);
      return;
    }
    secret_files_.erase(plain);
    config_.origins[plain] = where;
  }

  // -- the file -----------------------------------------------------------------------------------

  std::string at(const toml::source_region& region) const {
    return file_name_ + ':' + std::to_string(region.begin.line);
  }

  void read_file(const std::filesystem::path& path) {
    file_name_ = path.string();
    toml::table parsed;
    try {
      parsed = toml::parse_file(file_name_);
    } catch (const toml::parse_error& error) {
      auto line = error.source().begin.line;
      complain(line == 0 ? file_name_ : at(error.source()), std::string{error.description()});
      return;
    }
    std::set<std::string> seen;
    for (const auto& [section, node] : parsed) {
      std::string name{section.str()};
      if (name == "database")
        read_databases(node);
      else if (auto table = node.as_table())
        read_section(name, *table, seen);
      else
        complain(at(section.source()), unknown("setting", name, sections_));
    }
  }

  void read_section(const std::string& section, const toml::table& table,
                    std::set<std::string>& seen) {
    if (std::ranges::find(sections_, section) == sections_.end()) {
      complain(at(table.source()), unknown("section", section, sections_));
      return;
    }
    for (const auto& [key, node] : table) {
      auto name = section + '.' + std::string{key.str()};
      auto where = at(key.source());
      if (auto raw = to_raw(node))
        assign(name, *raw, where, seen);
      else
        complain(where, name + " is neither a value nor a list of text");
    }
  }

  static std::optional<raw_value> to_raw(const toml::node& node) {
    if (auto text = node.as_string()) return raw_value{text->get()};
    if (auto number = node.as_integer()) return raw_value{number->get()};
    if (auto flag = node.as_boolean()) return raw_value{flag->get()};
    if (node.is_floating_point()) return raw_value{std::monostate{}};
    auto array = node.as_array();
    if (array == nullptr) return std::nullopt;
    std::vector<std::string> items;
    for (const auto& item : *array) {
      auto text = item.as_string();
      if (text == nullptr) return std::nullopt;
      items.push_back(text->get());
    }
    return raw_value{std::move(items)};
  }

  void read_databases(const toml::node& node) {
    auto array = node.as_array();
    if (array == nullptr) {
      complain(at(node.source()), "database is an array: write [[database]], and the settings of "
                                  "connections under [postgres]");
      return;
    }
    for (const auto& item : *array) {
      if (auto table = item.as_table())
        read_database(*table);
      else
        complain(at(item.source()), "an element of database is no table: write [[database]]");
    }
  }

  void read_database(const toml::table& table) {
    auto where = at(table.source());
    auto name = table["name"].value<std::string>();
    if (!name) {
      complain(where, "a [[database]] has no name");
      return;
    }
    if (databases_.contains(*name)) {
      complain(where, "database " + in_quotes(*name) + " is there twice");
      return;
    }
    for (const auto& [key, node] : table) {
      if (key.str() == "name") continue;
      if (std::ranges::find(database_keys, key.str()) == database_keys.end()) {
        complain(at(key.source()), unknown("setting", "database." + std::string{key.str()},
                                           {"database.dsn", "database.dsn_file", "database.name",
                                            "database.placement", "database.replica_dsn",
                                            "database.replica_dsn_file"}));
        continue;
      }
      auto text = node.value<std::string>();
      if (!text || !node.is_string())
        complain(at(key.source()), "database." + std::string{key.str()} + " is not text");
      else
        set_database(*name, key.str(), *text, at(key.source()));
    }
    databases_[*name].order = databases_.size();
    databases_[*name].where = where;
  }

  // -- environment ----------------------------------------------------------------------------------

  void read_environment() {
    std::map<std::string, std::string> names; // variable -> setting
    std::vector<std::string> variables;
    for (const auto& name : known_) {
      names[environment_name(name)] = name;
      variables.push_back(environment_name(name));
    }
    // An environment has no order, and databases known only from it must not come in a random one.
    auto entries = sources_.environment;
    std::ranges::sort(entries);
    std::set<std::string> seen;
    for (const auto& entry : entries) {
      auto equals = entry.find('=');
      if (equals == entry.npos || !entry.starts_with(prefix)) continue;
      auto variable = entry.substr(0, equals);
      auto value = entry.substr(equals + 1);
      auto where = "environment " + variable;
      if (auto found = names.find(variable); found != names.end()) {
        // what Kubernetes makes of a service called troupe-http
        if (variable.ends_with("_PORT") && value.contains("://")) continue;
        assign(found->second, raw_value{value, true}, where, seen);
      } else if (variable.starts_with("TROUPE_DATABASE_") && !is_service_link(variable)) {
        read_database_variable(variable, value, where);
      } else if (!is_service_link(variable) && resembles_setting(variable, variables)) {
        complain(where, unknown("variable", variable, variables));
      }
    }
  }

  /// Other programs may have variables with our prefix, so only those that look like settings count.
  bool resembles_setting(const std::string& variable, const std::vector<std::string>& variables) {
    for (const auto& section : sections_)
      if (variable.starts_with(environment_name(section + '.'))) return true;
    return std::ranges::any_of(
      variables, [&](const auto& known) { return edit_distance(variable, known) <= 2; });
  }

  void read_database_variable(const std::string& variable, const std::string& value,
                              const std::string& where) {
    static constexpr std::array<std::pair<std::string_view, std::string_view>, 5> endings{
      std::pair{"_PLACEMENT", "placement"}, std::pair{"_REPLICA_DSN_FILE", "replica_dsn_file"},
      std::pair{"_REPLICA_DSN", "replica_dsn"}, std::pair{"_DSN_FILE", "dsn_file"},
      std::pair{"_DSN", "dsn"}};
    auto rest = std::string_view{variable}.substr(std::string_view{"TROUPE_DATABASE_"}.size());
    for (const auto& [ending, key] : endings) {
      if (!rest.ends_with(ending)) continue;
      std::string name;
      for (char c : rest.substr(0, rest.size() - ending.size()))
        name += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
      if (name.empty()) break;
      set_database(name, key, value, where);
      return;
    }
    complain(where, "unknown variable " + in_quotes(variable) +
                      "; a database has TROUPE_DATABASE_<NAME>_DSN and …_REPLICA_DSN, each also "
                      "with _FILE, and …_PLACEMENT");
  }

  // -- flags ----------------------------------------------------------------------------------------

  void read_flags() {
    for (const auto& [name, value] : sources_.flags) {
      std::set<std::string> seen; // a later flag overwrites an earlier one
      assign(name, raw_value{value, true}, "flag --" + name, seen);
    }
    for (const auto& text : sources_.databases) {
      auto equals = text.find('=');
      if (equals == text.npos)
        complain("flag --database", "is not of the form name=dsn");
      else
        set_database(text.substr(0, equals), "dsn", text.substr(equals + 1), "flag --database");
    }
  }

  // -- all together -----------------------------------------------------------------------------------

  void set_database(const std::string& name, std::string_view key, const std::string& value,
                    const std::string& where) {
    if (!databases_.contains(name)) {
      databases_[name].order = databases_.size();
      databases_[name].where = where;
    }
    auto& entry = databases_[name];
    auto plain = "database." + name + '.';
    if (key.ends_with(file_suffix)) {
      secret_files_[plain + std::string{key.substr(0, key.size() - file_suffix.size())}] = {value,
                                                                                            where};
      return;
    }
    if (key == "placement")
      entry.placement = value;
    else
      (key == "dsn" ? entry.dsn : entry.replica_dsn).value = value;
    plain += key;
    secret_files_.erase(plain);
    config_.origins[plain] = where;
  }

  void read_secret_files() {
    for (const auto& [name, file] : secret_files_) {
      auto content = read_secret(file);
      if (!content) continue;
      config_.origins[name] = file.where + " (" + file.path + ')';
      if (auto s = find_setting(name)) {
        raw_value raw{*content, true};
        if (content->empty())
          complain(file.where, file.path + " is empty");
        else if (auto wrong = assignment{*s, raw}.into(config_.values); !wrong.empty())
          complain(file.where, name + " from " + file.path + ' ' + wrong);
        continue;
      }
      // database.<name>.dsn or .replica_dsn
      auto last = name.rfind('.');
      auto& entry = databases_[name.substr(9, last - 9)];
      (name.substr(last + 1) == "dsn" ? entry.dsn : entry.replica_dsn).value = *content;
    }
  }

  std::optional<std::string> read_secret(const secret_file& file) {
    struct stat info{};
    std::ifstream in{file.path, std::ios::binary};
    if (!in || ::stat(file.path.c_str(), &info) != 0 || S_ISDIR(info.st_mode)) {
      complain(file.where, "cannot read " + file.path);
      return std::nullopt;
    }
    std::string content(largest_secret_file + 1, '\0');
    in.read(content.data(), static_cast<std::streamsize>(content.size()));
    content.resize(static_cast<std::size_t>(in.gcount()));
    if (content.size() > largest_secret_file) {
      complain(file.where, file.path + " is too large for a secret");
      return std::nullopt;
    }
    if (info.st_mode & S_IROTH)
      config_.warnings.push_back(file.path + " can be read by everybody; chmod o-r it");
    if (content.ends_with('\n')) content.pop_back();
    if (content.ends_with('\r')) content.pop_back();
    return content;
  }

  void take_databases() {
    for (const auto& [name, entry] : databases_) {
      if (!is_database_name(name))
        complain(entry.where, in_quotes(name) +
                                " is no name of a database: lower-case letters, digits "
                                "and _, at most 32, not ending in _replica");
      else if (entry.dsn.empty() && !secret_files_.contains("database." + name + ".dsn"))
        complain(entry.where, "database " + in_quotes(name) + " has no dsn");
      if (entry.placement != "postgres" && entry.placement != "citus")
        complain(entry.where, "database " + in_quotes(name) + " has the placement " +
                                in_quotes(entry.placement) + "; it is \"postgres\" or \"citus\"");
      config_.values.databases.push_back(
        {name, entry.dsn, entry.replica_dsn, entry.placement == "citus"});
    }
    std::ranges::sort(config_.values.databases, {}, [this](const configured_database& database) {
      return databases_[database.name].order;
    });
  }

  void check_together() {
    const auto& v = config_.values;
    auto where = [&](std::string_view name) { return std::string{config_.origin_of(name)}; };
    if (v.http.tls_certificate_file.empty() != v.http.tls_key_file.empty())
      complain(
        where(v.http.tls_key_file.empty() ? "http.tls_certificate_file" : "http.tls_key_file"),
        "http.tls_certificate_file and http.tls_key_file go together");
    if (v.http.port != 0 && v.http.port == v.operations.port)
      complain(where("operations.port"), "operations.port is the same as http.port");
    if (v.cluster.lease < 2 * v.cluster.renew_interval)
      complain(where("cluster.lease"), "cluster.lease is shorter than two cluster.renew_interval");
    check_roles(where("cluster.roles"));
    check_links(where);
    if (v.auth.refresh_token_lifetime < v.auth.access_token_lifetime)
      complain(where("auth.refresh_token_lifetime"),
               "auth.refresh_token_lifetime is shorter than auth.access_token_lifetime");
  }

  void check_roles(const std::string& where) {
    for (const auto& role : config_.values.cluster.roles) {
      if (role == "gateway" || parse_family(role)) continue;
      std::string known = "gateway";
      for (const auto& info : families) known.append(", ").append(info.name);
      complain(where, in_quotes(role) + " is no role; there are " + known);
    }
  }

  template <class Where>
  void check_links(Where where) {
    const auto& links = config_.values.links;
    const bool any = !links.certificate_file.empty() || !links.key_file.empty() ||
                     !links.authority_file.empty();
    const bool all = !links.certificate_file.empty() && !links.key_file.empty() &&
                     !links.authority_file.empty();
    if (links.mode == "tls" ? !all : any)
      complain(where("links.mode"),
               "links.certificate_file, links.key_file and links.authority_file are needed for "
               "links.mode \"tls\", and only for it");
    if (links.ping_timeout < 2 * links.ping_interval)
      complain(where("links.ping_timeout"),
               "links.ping_timeout is shorter than two links.ping_interval");
    if (links.max_queue.bytes < 2 * links.max_frame.bytes)
      complain(where("links.max_queue"), "links.max_queue is less than two links.max_frame");
  }

  static std::vector<std::string> known_sections() {
    std::vector<std::string> names{"database"};
    for (const auto& s : all_settings())
      if (names.back() != s.section()) names.emplace_back(s.section());
    return names;
  }

  static constexpr std::array<std::string_view, 5> database_keys{"dsn", "dsn_file", "replica_dsn",
                                                                 "replica_dsn_file", "placement"};

  const config_sources& sources_;
  std::string file_name_;
  std::vector<std::string> known_ = known_names();
  std::vector<std::string> sections_ = known_sections();
  std::map<std::string, database_entry> databases_;
  std::map<std::string, secret_file> secret_files_; ///< by the secret's name
  configuration config_;
  std::vector<config_problem> problems_;
};

} // namespace

std::string_view configuration::origin_of(std::string_view name) const {
  auto found = origins.find(std::string{name});
  return found == origins.end() ? std::string_view{"default"} : std::string_view{found->second};
}

std::expected<configuration, std::vector<config_problem>> load_configuration(
  const config_sources& sources) {
  return loader{sources}.run();
}

std::string nearest_setting(std::string_view name) {
  auto known = known_names();
  return std::string{nearest(name, known)};
}

std::vector<config_problem> missing_for_databases(const settings& values) {
  if (!values.databases.empty()) return {};
  return {{"configuration", "no database: give [[database]], TROUPE_DATABASE_<NAME>_DSN or "
                            "--database name=dsn"}};
}

std::vector<config_problem> missing_for_serve(const settings& values) {
  auto missing = missing_for_databases(values);
  if (values.auth.signing_key.empty())
    missing.push_back({"configuration", "no auth.signing_key: give auth.signing_key_file or "
                                        "TROUPE_AUTH_SIGNING_KEY, at least 32 random bytes"});
  return missing;
}

} // namespace troupe
