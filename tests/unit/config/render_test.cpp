#include "config/render.hpp"

#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>
#include <glaze/glaze.hpp>
#include <set>
#include <sstream>

#include "config/table.hpp"

using namespace troupe;

namespace {

/// Compares with a file of the tree. TROUPE_UPDATE_GOLDEN=1 writes the file instead.
void check_golden(const std::string& path, const std::string& made) {
  if (std::getenv("TROUPE_UPDATE_GOLDEN") != nullptr) {
    std::ofstream{path, std::ios::binary} << made;
    return;
  }
  std::ifstream in{path, std::ios::binary};
  REQUIRE_MESSAGE(in, path, " is missing; make it with TROUPE_UPDATE_GOLDEN=1");
  std::stringstream held;
  held << in.rdbuf();
  CHECK_MESSAGE(held.str() == made, path,
                " is out of date; TROUPE_UPDATE_GOLDEN=1 ./dev test unit makes it anew");
}

bool is_json(const std::string& text) { return !glz::validate_json(text); }

configuration with_secrets() {
  config_sources sources;
  sources.flags = {{"auth.signing_key", std::string(40, 'k')},
                   {"redis.url", "redis://:hunter2@127.0.0.1:6379/0"}};
  sources.databases = {"a=postgresql://troupe:hunter2@127.0.0.1:5432/a",
                       "b=host=b password=hunter2"};
  return load_configuration(sources).value();
}

} // namespace

TEST_CASE("the example file is the one in the tree, and loading it gives the defaults") {
  check_golden("troupe.example.toml", example_toml());
  auto config = load_configuration({.file = "troupe.example.toml"});
  REQUIRE(config.has_value());
  CHECK(to_toml(*config, false) == to_toml(configuration{}, false));
  for (const auto& s : all_settings())
    CHECK_MESSAGE((s.is_secret() || config->origin_of(s.name) != "default"), s.name);
}

TEST_CASE("the reference of all settings is the one in the tree") {
  check_golden("docs/operations/settings.md", settings_reference());
}

TEST_CASE("the schema is JSON and knows every setting") {
  auto schema = config_schema();
  CHECK(is_json(schema));
  check_golden("tests/golden/config-schema.json", schema);
  for (const auto& s : all_settings()) CHECK(schema.contains('"' + std::string{s.key()} + "\": {"));
}

TEST_CASE("the effective settings are shown without their secrets") {
  auto config = with_secrets();
  for (const auto& text : {to_toml(config, false), to_toml(config, true), to_json(config)}) {
    CHECK_FALSE(text.contains("hunter2"));
    CHECK_FALSE(text.contains("kkk"));
    CHECK(text.contains("redis://:********@127.0.0.1:6379/0"));
    CHECK(text.contains("postgresql://troupe:********@127.0.0.1:5432/a"));
  }
  CHECK(is_json(to_json(config)));
  CHECK(to_json(config).contains(R"("origins": {"auth.signing_key": "flag --auth.signing_key")"));
  CHECK(to_toml(config, true).contains("# flag --database"));
}

TEST_CASE("only the password of a URL is masked, and all of what is no plain URL") {
  CHECK(masked({""}).empty());
  CHECK(masked({"postgresql://a:b@h/d"}) == "postgresql://a:********@h/d");
  CHECK(masked({"postgresql://a@h/d?sslmode=require"}) == "postgresql://a@h/d?sslmode=require");
  CHECK(masked({"redis://h:6379/1"}) == "redis://h:6379/1");
  CHECK(masked({"unix:///run/redis.sock"}) == "unix:///run/redis.sock");
  for (auto text : {"secret", "postgresql://h/d?user=a&password=b", "postgresql://a:b/c@h/d",
                    "postgresql://a:b@c@h/?x@y", "host=h password=b", "abc://a:b@h"}) {
    CHECK_FALSE(masked({text}).contains('b'));
  }
}

TEST_CASE("the table is sound") {
  std::set<std::string_view> names;
  std::set<std::string> variables;
  std::set<std::string_view> ended_sections;
  std::string_view section;
  for (const auto& s : all_settings()) {
    CHECK_MESSAGE(names.insert(s.name).second, s.name);
    CHECK_MESSAGE(variables.insert(environment_name(s.name)).second, s.name);
    CHECK_MESSAGE(s.help.ends_with('.'), s.name);
    if (s.section() != section) {
      CHECK_MESSAGE(!ended_sections.contains(s.section()), s.name);
      ended_sections.insert(section);
      section = s.section();
    }
    CHECK(find_setting(s.name) == &s);
  }
  CHECK(find_setting("http.none") == nullptr);
}
