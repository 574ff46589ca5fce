#include "base/stable_hash.hpp"

#include <doctest/doctest.h>

#include <array>

#include "base/family.hpp"

using namespace troupe;

// These values are the layout of every database in use: a change here loses data.
TEST_CASE("the stable hash gives the values it always gave") {
  CHECK(stable_hash("") == 0xEF46DB3751D8E999ull);
  CHECK(stable_hash("a") == 0xD24EC4F1A98C6E5Bull);
  CHECK(stable_hash("abc") == 0x44BC2CF5AD770999ull);
  CHECK(stable_hash("owner") == 0xD3E42D24FEE3E234ull);
  CHECK(stable_hash("Nobody inspects the spammish repetition") == 0xFBCEA83C8A378BF1ull);
  CHECK(stable_hash(uuid{}) == 0xAF09F71516247C32ull);
  CHECK(stable_hash(*parse_uuid("017f22e2-79b0-7cc3-98c4-dc0c0c07398f")) == 0x6952548B1FDC415Aull);
}

TEST_CASE("an id is hashed by its bytes in network order") {
  auto id = make_uuid_v7();
  std::string_view bytes{reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size()};
  CHECK(stable_hash(id) == stable_hash(bytes));
}

TEST_CASE("shards are within their count and evenly used") {
  constexpr std::uint32_t count = 256;
  constexpr int keys = 256 * 200;
  std::array<int, count> used{};
  for (int i = 0; i < keys; ++i) {
    auto shard = shard_of(make_uuid_v7(), count);
    REQUIRE(shard >= 0);
    REQUIRE(shard < static_cast<std::int32_t>(count));
    ++used[static_cast<std::size_t>(shard)];
  }
  for (int n : used) {
    CHECK(n > 100);
    CHECK(n < 300);
  }
  CHECK(shard_of(std::string_view{"anything"}, 1) == 0);
}

TEST_CASE("families are found by their names") {
  for (const auto& info : families) {
    CHECK(to_string(info.id) == info.name);
    CHECK(parse_family(info.name) == info.id);
  }
  CHECK_FALSE(parse_family("players").has_value());
  CHECK(to_string(shard_ref{family::player, 17}) == "player/17");
}
