#include "base/json.hpp"

#include <doctest/doctest.h>

namespace troupe::json_test {

struct entry {
  uuid id;
  timestamp at;
};

struct person {
  std::string name;
  std::string password;
  std::optional<std::uint32_t> age;
  std::vector<entry> entries;
};

struct filter {
  std::optional<std::uint32_t> limit;
  std::optional<uuid> game_id;
  std::string text;
};

} // namespace troupe::json_test

template <>
struct glz::json_schema<troupe::json_test::person> {
  schema name{.minLength = 3, .maxLength = 32, .pattern = "^[a-z]+$"};
  schema age{.maximum = std::int64_t{200}};
};

template <>
struct glz::json_schema<troupe::json_test::filter> {
  schema limit{.minimum = std::int64_t{1}, .maximum = std::int64_t{100}};
};

using namespace troupe;
using namespace troupe::json_test;

namespace {

failure refused(std::string_view text) {
  auto read = from_json<person>(text);
  REQUIRE_FALSE(read);
  return read.error();
}

std::vector<std::string> pointers(const failure& why) {
  std::vector<std::string> out;
  for (const auto& wrong : why.fields) out.push_back(wrong.pointer);
  return out;
}

} // namespace

TEST_CASE("a struct survives its way through JSON") {
  auto text = R"({"name":"ann","password":"a\u00e9\n","age":null,"entries":[)"
              R"({"id":"0195a6c4-7b1e-7c3a-9f42-3d1b5e8a6c01","at":"2026-03-01T12:30:00.000Z"}]})";
  auto read = from_json<person>(text);
  REQUIRE(read);
  CHECK(read->password == "a\u00e9\n");
  CHECK(to_json(*read) ==
        R"({"name":"ann","password":"aé\n","age":null,"entries":[)"
        R"({"id":"0195a6c4-7b1e-7c3a-9f42-3d1b5e8a6c01","at":"2026-03-01T12:30:00.000Z"}]})");
}

TEST_CASE("every wrong field is named by its pointer") {
  auto why = refused(R"({"name":"A","pass~/word":"x","age":-1,"entries":[{"id":"0195","at":3}]})");
  CHECK(why.code == errc::invalid_field);
  CHECK(pointers(why) == std::vector<std::string>{"/name", "/pass~0~1word", "/age", "/entries/0/id",
                                                  "/entries/0/at", "/password"});
}

TEST_CASE("bounds hold at their edges") {
  auto with_age = [](std::string_view age) {
    return from_json<person>(R"({"name":"ann","password":"x","entries":[],"age":)" +
                             std::string{age} + "}");
  };
  CHECK(with_age("200"));
  CHECK_FALSE(with_age("201"));
  CHECK_FALSE(with_age("4294967296"));
  CHECK_FALSE(with_age("1.5"));
  CHECK_FALSE(with_age("01"));
}

TEST_CASE("what is no JSON is told with its place") {
  CHECK(refused("").code == errc::malformed_body);
  CHECK(refused("  ").code == errc::malformed_body);
  CHECK(refused(R"({"name":)").code == errc::malformed_body);
  CHECK(refused(R"({"name":"ann"} x)").detail == "not valid JSON at byte 15");
  CHECK(refused(R"({"name":"ann",})").code == errc::malformed_body);
  CHECK(refused("null").code == errc::invalid_field);
  CHECK(refused("[]").code == errc::invalid_field);
}

TEST_CASE("bad UTF-8 and lone surrogates are refused") {
  CHECK(refused("{\"name\":\"\xff\"}").detail == "not UTF-8 at byte 9");
  CHECK(refused("{\"name\":\"\xed\xa0\x80\"}").code == errc::malformed_body);
  CHECK(refused("{\"name\":\"\xc0\xaf\"}").code == errc::malformed_body);
  CHECK(refused(R"({"name":"\ud800"})").code == errc::malformed_body);
  CHECK(refused("{\"name\":\"a\x01\"}").code == errc::malformed_body);
}

TEST_CASE("nesting deeper than 64 is refused before it is parsed") {
  std::string deep(65, '[');
  CHECK(refused(deep).detail == "nested deeper than 64");
  CHECK(refused(std::string(100'000, '{')).detail == "nested deeper than 64");
  // Brackets within strings are no nesting.
  std::string text(102, '[');
  text.front() = text.back() = '"';
  CHECK(refused(text).code == errc::invalid_field);
}

TEST_CASE("parameters are decoded and checked like bodies") {
  auto read = [](std::vector<text_pair> pairs) { return from_pairs<filter>(pairs); };
  CHECK(read({{"limit", "7"}, {"text", ""}}));
  auto why = read({{"limit", "0"}, {"game_id", "x"}, {"other", "1"}});
  REQUIRE_FALSE(why);
  CHECK(pointers(why.error()) == std::vector<std::string>{"?limit", "?game_id", "?other", "?text"});
  CHECK_FALSE(read({{"limit", "99999999999999999999"}, {"text", ""}}));
  CHECK_FALSE(read({{"limit", "1 "}, {"text", ""}}));
  CHECK_FALSE(read({{"text", "a"}, {"text", "b"}}));
}
