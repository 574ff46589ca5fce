#include "base/msgpack.hpp"

#include <doctest/doctest.h>

namespace troupe::msgpack_test {

enum class colour : std::uint8_t { red, green };

struct inner {
  uuid id;
  std::array<std::uint8_t, 32> hash{};
  bool operator==(const inner&) const = default;
};

struct version_1 {
  std::string name;
  std::int64_t number = 7;
};

struct version_2 {
  std::int64_t number = 7;
  std::optional<std::string> nickname;
  std::string name;
  std::vector<inner> parts;
  colour shade = colour::green;
  timestamp at;
  std::pair<std::string, std::uint32_t> pair;
  double ratio = 0;
  bool flag = false;
};

struct other_type {
  std::int64_t name = 3;
};

struct empty {};

} // namespace troupe::msgpack_test

using namespace troupe;
using namespace troupe::msgpack_test;

TEST_CASE("every kind of member survives its way through msgpack") {
  version_2 given;
  given.number = -5'000'000'000;
  given.nickname = "x";
  given.name = "Ann";
  given.parts = {{make_uuid_v7(), {1, 2, 3}}, {make_uuid_v7(), {}}};
  given.shade = colour::red;
  given.at = {1'700'000'000'000};
  given.pair = {"k", 4'000'000'000};
  given.ratio = 0.25;
  given.flag = true;
  auto read = from_msgpack<version_2>(to_msgpack(given));
  REQUIRE(read);
  CHECK(read->number == given.number);
  CHECK(read->nickname == given.nickname);
  CHECK(read->parts == given.parts);
  CHECK(read->shade == colour::red);
  CHECK(read->at == given.at);
  CHECK(read->pair == given.pair);
  CHECK(read->ratio == 0.25);
  CHECK(read->flag);
}

TEST_CASE("missing members keep their default and unknown ones are ignored") {
  auto newer = from_msgpack<version_2>(to_msgpack(version_1{"Ann", 9}));
  REQUIRE(newer);
  CHECK(newer->name == "Ann");
  CHECK(newer->number == 9);
  CHECK(newer->shade == colour::green);
  auto older = from_msgpack<version_1>(to_msgpack(*newer));
  REQUIRE(older);
  CHECK(older->name == "Ann");
  CHECK(from_msgpack<version_1>(to_msgpack(empty{}))->number == 7);
}

TEST_CASE("another type is refused by the member's name") {
  auto read = from_msgpack<version_1>(to_msgpack(other_type{}));
  REQUIRE_FALSE(read);
  CHECK(read.error().code == errc::malformed_body);
  CHECK(read.error().detail.contains("/name"));
  CHECK_FALSE(from_msgpack<std::uint8_t>(to_msgpack(std::int64_t{256})));
  CHECK_FALSE(from_msgpack<std::uint8_t>(to_msgpack(std::int64_t{-1})));
}

TEST_CASE("cut, deep and lying input is refused without taking memory for it") {
  auto whole = to_msgpack(version_1{"Ann", 9});
  for (std::size_t size = 0; size < whole.size(); ++size)
    CHECK_FALSE(from_msgpack<version_1>(std::string_view{whole}.substr(0, size)));
  CHECK_FALSE(from_msgpack<version_1>(whole + "x"));
  CHECK_FALSE(from_msgpack<std::vector<int>>(std::string(100, '\x91') + '\x01'));
  CHECK_FALSE(from_msgpack<std::vector<int>>(std::string{"\xdd\x7f\xff\xff\xff", 5}));
  std::string nested;
  for (int level = 0; level < 60; ++level) nested += std::string{"\xdd\x00\x03\x00\x00", 5};
  nested.resize(200'000);
  CHECK_FALSE(from_msgpack<std::vector<int>>(nested));
  CHECK_FALSE(from_msgpack<version_1>(whole, {.bytes = 3}));
}
