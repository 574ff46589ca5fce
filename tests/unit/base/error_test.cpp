#include "base/error.hpp"

#include <doctest/doctest.h>

#include <cctype>
#include <set>
#include <string>

using namespace troupe;

TEST_CASE("every error has a name of its own") {
  std::set<std::string_view> names;
  int known = 0;
  for (int number = 0; number < 256; ++number) {
    auto name = to_string(static_cast<errc>(number));
    if (name == "unknown") continue;
    ++known;
    CHECK_MESSAGE(names.insert(name).second, name);
    for (unsigned char c : name) CHECK((std::islower(c) || c == '_'));
  }
  CHECK(known >= 39);
}

// The numbers travel between nodes of different versions.
TEST_CASE("the numbers of errors stay what they are") {
  CHECK(static_cast<int>(errc::none) == 0);
  CHECK(static_cast<int>(errc::malformed_request) == 1);
  CHECK(static_cast<int>(errc::request_timeout) == 11);
  CHECK(static_cast<int>(errc::missing_token) == 20);
  CHECK(static_cast<int>(errc::rate_limited) == 26);
  CHECK(static_cast<int>(errc::not_found) == 40);
  CHECK(static_cast<int>(errc::name_taken) == 44);
  CHECK(static_cast<int>(errc::unsupported_grant_type) == 53);
  CHECK(static_cast<int>(errc::overloaded) == 70);
  CHECK(static_cast<int>(errc::draining) == 74);
  CHECK(static_cast<int>(errc::internal) == 90);
}

TEST_CASE("a failure carries its code and detail through a result") {
  result<int> outcome = fail(errc::name_taken, "the name is taken");
  REQUIRE_FALSE(outcome.has_value());
  CHECK(outcome.error() == failure{errc::name_taken, "the name is taken", {}, std::nullopt});
}
