#include "actors/cluster/link/frame.hpp"

#include <doctest/doctest.h>

#include <array>

using namespace troupe;
using namespace troupe::links;

TEST_CASE("a frame's header is its payload's size and its kind") {
  auto bytes = encode(frame_header{0x01020304, frame_kind::data});
  CHECK(bytes ==
        frame_header_bytes{std::byte{1}, std::byte{2}, std::byte{3}, std::byte{4}, std::byte{1}});
  auto back = decode_frame_header(bytes);
  REQUIRE(back);
  CHECK(back->size == 0x01020304);
  CHECK(back->kind == frame_kind::data);
}

TEST_CASE("an unknown kind and a ping with a payload are no frames") {
  CHECK(decode_frame_header(encode(frame_header{0, frame_kind::ping})));
  CHECK(decode_frame_header(encode(frame_header{0, frame_kind::bye})));
  CHECK_FALSE(decode_frame_header(encode(frame_header{1, frame_kind::ping})));
  CHECK_FALSE(decode_frame_header(encode(frame_header{1, frame_kind::bye})));
  CHECK_FALSE(decode_frame_header(encode(frame_header{0, static_cast<frame_kind>(0)})));
  CHECK_FALSE(decode_frame_header(encode(frame_header{0, static_cast<frame_kind>(4)})));
}

TEST_CASE("a hello comes back as it was, whatever its version") {
  hello what{7, make_uuid_v7(), make_uuid_v7(), make_uuid_v7(), 0x0102030405060708};
  auto bytes = encode(what);
  CHECK(decode_hello(bytes) == what);
  bytes[0] = std::byte{'X'};
  CHECK_FALSE(decode_hello(bytes));
}

TEST_CASE("a hello begins with its mark and its version, big-endian") {
  auto bytes = encode(hello{});
  constexpr std::array<int, 6> mark{'T', 'R', 'L', 'K', 0, 1};
  for (std::size_t i = 0; i < mark.size(); ++i) CHECK(std::to_integer<int>(bytes[i]) == mark[i]);
}
