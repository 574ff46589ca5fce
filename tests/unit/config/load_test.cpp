#include "config/load.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <atomic>
#include <fstream>
#include <string>

#include "base/family.hpp"
#include "config/render.hpp"
#include "config/table.hpp"

using namespace troupe;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

/// A folder that goes with the test.
class scratch_folder {
public:
  scratch_folder() {
    auto pattern = (fs::temp_directory_path() / "troupe-config-XXXXXX").string();
    REQUIRE(::mkdtemp(pattern.data()) != nullptr);
    path_ = pattern;
  }
  ~scratch_folder() { fs::remove_all(path_); }

  fs::path write(const std::string& name, std::string_view content, ::mode_t mode = 0600) const {
    auto path = path_ / name;
    std::ofstream{path, std::ios::binary} << content;
    ::chmod(path.c_str(), mode);
    return path;
  }

  fs::path operator/(std::string_view name) const { return path_ / name; }

private:
  fs::path path_;
};

configuration loaded(const config_sources& sources) {
  auto config = load_configuration(sources);
  if (!config)
    for (const auto& problem : config.error()) FAIL_CHECK(problem.where, ": ", problem.what);
  REQUIRE(config.has_value());
  return std::move(*config);
}

std::vector<config_problem> problems(const config_sources& sources) {
  auto config = load_configuration(sources);
  REQUIRE_FALSE(config.has_value());
  return config.error();
}

bool mentions(const std::vector<config_problem>& list, std::string_view where,
              std::string_view what) {
  for (const auto& problem : list)
    if (problem.where.ends_with(where) && problem.what.contains(what)) return true;
  std::string all;
  for (const auto& problem : list) all += problem.where + ": " + problem.what + '\n';
  MESSAGE(all);
  return false;
}

const std::string key(40, 'k');

} // namespace

TEST_CASE("without any source every setting has its default") {
  auto config = loaded({});
  CHECK(config.values.http.port == 8000);
  CHECK(config.values.auth.access_token_lifetime == 15min);
  CHECK(config.values.actors.hot_memory == mebibytes(256));
  CHECK(config.origin_of("http.port") == "default");
  CHECK(config.warnings.empty());
}

TEST_CASE("flags win over the environment, that over the file, that over defaults") {
  scratch_folder folder;
  config_sources sources;
  sources.file = folder.write("troupe.toml", "[http]\nport = 1\nmax_connections = 1\nthreads = 1\n"
                                             "address = \"::1\"\n");
  sources.environment = {"TROUPE_HTTP_PORT=2", "TROUPE_HTTP_MAX_CONNECTIONS=2", "PATH=/bin"};
  sources.flags = {{"http.port", "3"}};
  auto config = loaded(sources);
  CHECK(config.values.http.port == 3);
  CHECK(config.values.http.max_connections == 2);
  CHECK(config.values.http.threads == 1);
  CHECK(config.values.http.address == "::1");
  CHECK(config.origin_of("http.port") == "flag --http.port");
  CHECK(config.origin_of("http.max_connections") == "environment TROUPE_HTTP_MAX_CONNECTIONS");
  CHECK(config.origin_of("http.threads").ends_with("troupe.toml:4"));
  CHECK(config.origin_of("http.header_timeout") == "default");
}

TEST_CASE("the last of equal flags wins") {
  CHECK(loaded({.flags = {{"http.port", "1"}, {"http.port", "2"}}}).values.http.port == 2);
}

TEST_CASE("every type is read from the file and from text") {
  scratch_folder folder;
  auto file = folder.write("troupe.toml", "[http]\nidle_timeout = \"90s\"\nmax_body = \"1MiB\"\n"
                                          "max_header = 8192\ncors_origins = [\"https://a\", "
                                          "\"https://b\"]\n[log]\nlevel = \"debug\"\n");
  auto from_file = loaded({.file = file}).values;
  CHECK(from_file.http.idle_timeout == 90s);
  CHECK(from_file.http.max_body == mebibytes(1));
  CHECK(from_file.http.max_header == kibibytes(8));
  CHECK(from_file.http.cors_origins == std::vector<std::string>{"https://a", "https://b"});
  CHECK(from_file.log.level == "debug");
  auto from_text = loaded(
                     {.environment = {"TROUPE_HTTP_IDLE_TIMEOUT=90s", "TROUPE_HTTP_MAX_BODY=1MiB",
                                      "TROUPE_HTTP_CORS_ORIGINS=https://a, https://b",
                                      "TROUPE_LOG_LEVEL=debug"}})
                     .values;
  CHECK(from_text.http.idle_timeout == 90s);
  CHECK(from_text.http.max_body == mebibytes(1));
  CHECK(from_text.http.cors_origins == from_file.http.cors_origins);
  CHECK(from_text.log.level == "debug");
  CHECK(loaded({.environment = {"TROUPE_HTTP_CORS_ORIGINS="}}).values.http.cors_origins.empty());
}

TEST_CASE("an unknown name is an error that names the nearest known one and its place") {
  scratch_folder folder;
  auto file = folder.write("troupe.toml", "[http]\nprot = 1\n\n[htpp]\nport = 1\n\n[auth]\n"
                                          "frobnication_of_everything = true\n");
  auto found = problems({.file = file,
                         .environment = {"TROUPE_HTTP_PROT=1", "TROUPE_HTPP_PORT=1"},
                         .flags = {{"log.levle", "info"}}});
  CHECK(
    mentions(found, "troupe.toml:2", R"(unknown setting "http.prot"; did you mean "http.port"?)"));
  CHECK(mentions(found, "troupe.toml:4", R"(unknown section "htpp"; did you mean "http"?)"));
  CHECK(mentions(found, "troupe.toml:8", R"(unknown setting "auth.frobnication_of_everything")"));
  CHECK(mentions(found, "environment TROUPE_HTTP_PROT", R"(did you mean "TROUPE_HTTP_PORT"?)"));
  CHECK(mentions(found, "environment TROUPE_HTPP_PORT", R"(did you mean "TROUPE_HTTP_PORT"?)"));
  CHECK(mentions(found, "flag --log.levle", R"(did you mean "log.level"?)"));
  CHECK(found.size() == 6);
  for (const auto& problem : found)
    if (problem.what.contains("frobnication")) CHECK_FALSE(problem.what.contains("did you mean"));
}

TEST_CASE("variables of other programs and of Kubernetes are left alone") {
  auto config = loaded(
    {.environment = {"TROUPE_TEST_PG_A=x", "TROUPE_BIN=/bin/troupe", "TROUPE_SERVICE_HOST=10.0.0.1",
                     "TROUPE_SERVICE_PORT=80", "TROUPE_HTTP_SERVICE_HOST=10.0.0.1",
                     "TROUPE_HTTP_PORT=tcp://10.0.0.1:8000",
                     "TROUPE_HTTP_PORT_8000_TCP_ADDR=10.0.0.1",
                     "TROUPE_DATABASE_A_SERVICE_PORT=5432", "TROUPE_CONFIG=x"}});
  CHECK(config.values.http.port == 8000);
  CHECK(config.values.databases.empty());
}

TEST_CASE("values out of bounds or of another type are errors, all told at once") {
  scratch_folder folder;
  auto file = folder.write("troupe.toml", "[http]\nport = 70000\nthreads = -1\nidle_timeout = 5\n"
                                          "max_body = \"1TB\"\ncors_origins = \"https://a\"\n"
                                          "address = 1\n[log]\nlevel = \"loud\"\n"
                                          "[postgres]\nlanes = 1.5\nreaders = \"2\"\n");
  auto found = problems(
    {.file = file,
     .environment = {"TROUPE_HTTP_HEADER_TIMEOUT=1ms", "TROUPE_POSTGRES_BATCH_UNITS=many"}});
  CHECK(mentions(found, "troupe.toml:2", "http.port is out of bounds: 0 to 65535"));
  CHECK(mentions(found, "troupe.toml:3", "http.threads is negative"));
  CHECK(mentions(found, "troupe.toml:4", "http.idle_timeout is not a duration"));
  CHECK(mentions(found, "troupe.toml:5", "http.max_body is not a size"));
  CHECK(mentions(found, "troupe.toml:6", "http.cors_origins is not a list of text"));
  CHECK(mentions(found, "troupe.toml:7", "http.address is not text"));
  CHECK(mentions(found, "troupe.toml:9", R"(log.level "loud" is none of trace, debug)"));
  CHECK(mentions(found, "troupe.toml:11", "postgres.lanes is not an integer"));
  CHECK(mentions(found, "troupe.toml:12", "postgres.readers is not an integer"));
  CHECK(mentions(found, "TROUPE_HTTP_HEADER_TIMEOUT", "out of bounds: 100ms to 5m"));
  CHECK(mentions(found, "TROUPE_POSTGRES_BATCH_UNITS", R"("many" is not an integer)"));
  CHECK(found.size() == 11);
}

TEST_CASE("a file that is no TOML, or is not there, is one error with its place") {
  scratch_folder folder;
  auto found = problems({.file = folder.write("troupe.toml", "[http]\nport = = 1\n")});
  CHECK(found.size() == 1);
  CHECK(found.front().where.ends_with("troupe.toml:2"));
  CHECK(problems({.file = folder / "none.toml"}).size() == 1);
}

TEST_CASE("settings that contradict each other are errors") {
  auto found = problems({.flags = {{"http.tls_key_file", "key.pem"},
                                   {"http.port", "8001"},
                                   {"auth.refresh_token_lifetime", "1m"}}});
  CHECK(mentions(found, "flag --http.tls_key_file", "go together"));
  CHECK(mentions(found, "default", "operations.port is the same as http.port"));
  CHECK(mentions(found, "flag --auth.refresh_token_lifetime", "shorter"));
  CHECK(loaded({.flags = {{"http.port", "0"}, {"operations.port", "0"}}}).values.http.port == 0);
}

TEST_CASE("a node may be a gateway and host any family") {
  std::string all = "gateway";
  for (const auto& info : families) all.append(",").append(info.name);
  CHECK(loaded({.flags = {{"cluster.roles", all}}}).values.cluster.roles.size() ==
        families.size() + 1);
  CHECK(mentions(problems({.flags = {{"cluster.roles", "gateway,players"}}}),
                 "flag --cluster.roles", "\"players\" is no role; there are gateway, directory"));
}

// -- secrets ------------------------------------------------------------------------------------------

TEST_CASE("a secret may come from a file of its own, without its last newline") {
  scratch_folder folder;
  auto path = folder.write("key", key + "\n").string();
  auto config = loaded({.environment = {"TROUPE_AUTH_SIGNING_KEY_FILE=" + path}});
  CHECK(config.values.auth.signing_key.value == key);
  CHECK(config.origin_of("auth.signing_key").contains(path));
  CHECK(config.warnings.empty());
  auto toml = folder.write("troupe.toml", "[auth]\nsigning_key_file = \"" + path + "\"\n");
  CHECK(loaded({.file = toml}).values.auth.signing_key.value == key);
  CHECK(loaded({.flags = {{"auth.signing_key_file", path}}}).values.auth.signing_key.value == key);
}

TEST_CASE("a stronger source wins whichever way a secret is given") {
  scratch_folder folder;
  auto path = folder.write("key", key).string();
  auto missing = (folder / "missing").string();
  std::string other(40, 'o');
  CHECK(loaded({.environment = {"TROUPE_AUTH_SIGNING_KEY=" + other},
                .flags = {{"auth.signing_key_file", path}}})
          .values.auth.signing_key.value == key);
  CHECK(loaded({.environment = {"TROUPE_AUTH_SIGNING_KEY_FILE=" + missing},
                .flags = {{"auth.signing_key", other}}})
          .values.auth.signing_key.value == other);
}

TEST_CASE("a secret's file that everybody can read is a warning") {
  scratch_folder folder;
  auto path = folder.write("key", key, 0644).string();
  auto config = loaded({.flags = {{"auth.signing_key_file", path}}});
  REQUIRE(config.warnings.size() == 1);
  CHECK(config.warnings.front().contains(path));
}

TEST_CASE("what is wrong with a secret never tells the secret") {
  scratch_folder folder;
  auto path = folder.write("key", "hunter2").string();
  auto found = problems({.environment = {"TROUPE_AUTH_SIGNING_KEY=swordfish",
                                         "TROUPE_AUTH_PREVIOUS_SIGNING_KEY_FILE=" + path}});
  CHECK(mentions(found, "environment TROUPE_AUTH_SIGNING_KEY", "shorter than 32 bytes"));
  CHECK(mentions(found, "TROUPE_AUTH_PREVIOUS_SIGNING_KEY_FILE", "shorter than 32 bytes"));
  for (const auto& problem : found) {
    CHECK_FALSE(problem.what.contains("swordfish"));
    CHECK_FALSE(problem.what.contains("hunter2"));
  }
}

TEST_CASE("a secret given twice by one source, an empty or a missing file of one are errors") {
  scratch_folder folder;
  auto path = folder.write("key", key).string();
  CHECK(mentions(problems({.environment = {"TROUPE_AUTH_SIGNING_KEY=" + key,
                                           "TROUPE_AUTH_SIGNING_KEY_FILE=" + path}}),
                 "TROUPE_AUTH_SIGNING_KEY_FILE", "both given"));
  CHECK(
    mentions(problems({.flags = {{"auth.signing_key_file", folder.write("empty", "\n").string()}}}),
             "flag --auth.signing_key_file", "is empty"));
  CHECK(mentions(problems({.flags = {{"auth.signing_key_file", (folder / "none").string()}}}),
                 "flag --auth.signing_key_file", "cannot read"));
  CHECK(mentions(problems({.flags = {{"http.port_file", path}}}), "flag --http.port_file",
                 "unknown setting"));
}

// -- databases ------------------------------------------------------------------------------------------

TEST_CASE("databases come from the file in its order, then from the environment, then from flags") {
  scratch_folder folder;
  auto dsn_file = folder.write("dsn", "postgresql://e@h/e\n").string();
  auto file = folder.write("troupe.toml", "[[database]]\nname = \"b\"\ndsn = \"host=b\"\n"
                                          "[[database]]\nname = \"a\"\ndsn = \"host=a\"\n"
                                          "replica_dsn = \"host=ra\"\n"
                                          "placement = \"citus\"\n");
  auto config = loaded(
    {.file = file,
     .environment = {"TROUPE_DATABASE_E_DSN_FILE=" + dsn_file, "TROUPE_DATABASE_D_DSN=host=d",
                     "TROUPE_DATABASE_D_REPLICA_DSN=host=rd", "TROUPE_DATABASE_D_PLACEMENT=citus",
                     "TROUPE_DATABASE_B_DSN=host=b2"},
     .databases = {"c=host=c port=1", "a=host=a2"}});
  const auto& list = config.values.databases;
  REQUIRE(list.size() == 5);
  CHECK(list[0].name == "b");
  CHECK(list[0].dsn.value == "host=b2");
  CHECK(list[1].name == "a");
  CHECK(list[1].dsn.value == "host=a2");
  CHECK(list[1].replica_dsn.value == "host=ra");
  CHECK(list[2].name == "d");
  CHECK(list[1].on_citus);
  CHECK_FALSE(list[0].on_citus);
  CHECK(list[2].replica_dsn.value == "host=rd");
  CHECK(list[2].on_citus);
  CHECK(list[3].name == "e");
  CHECK(list[3].dsn.value == "postgresql://e@h/e");
  CHECK(list[4].name == "c");
  CHECK(list[4].dsn.value == "host=c port=1");
  CHECK(config.origin_of("database.b.dsn") == "environment TROUPE_DATABASE_B_DSN");
  CHECK(missing_for_databases(config.values).empty());
}

TEST_CASE("a database without a name or dsn, twice, or with an unknown key is an error") {
  scratch_folder folder;
  auto found = problems(
    {.file = folder.write("troupe.toml", "[[database]]\ndsn = \"host=x\"\n"
                                         "[[database]]\nname = \"a\"\n"
                                         "[[database]]\nname = \"b\"\ndns = \"host=b\"\n"
                                         "[[database]]\nname = \"c\"\ndsn = \"host=c\"\n"
                                         "[[database]]\nname = \"c\"\ndsn = \"host=c\"\n"
                                         "[[database]]\nname = \"No\"\ndsn = \"host=d\"\n"),
     .environment = {"TROUPE_DATABASE_X_DNS=host=x"},
     .databases = {"nothing"}});
  CHECK(mentions(found, "troupe.toml:1", "has no name"));
  CHECK(mentions(found, "troupe.toml:3", R"(database "a" has no dsn)"));
  CHECK(mentions(found, "troupe.toml:7", R"(did you mean "database.dsn"?)"));
  CHECK(mentions(found, "troupe.toml:11", R"(database "c" is there twice)"));
  CHECK(mentions(found, "troupe.toml:14", "is no name of a database"));
  CHECK(mentions(found, "TROUPE_DATABASE_X_DNS", "unknown variable"));
  CHECK(mentions(found, "flag --database", "name=dsn"));
  CHECK(mentions(problems({.file = folder.write("troupe.toml", "[database]\nlanes = 1\n")}),
                 "troupe.toml:1", "[[database]]"));
}

TEST_CASE("serving needs a key and a database") {
  CHECK(missing_for_serve(settings{}).size() == 2);
  auto config = loaded({.flags = {{"auth.signing_key", key}}, .databases = {"a=host=a"}});
  CHECK(missing_for_serve(config.values).empty());
}
