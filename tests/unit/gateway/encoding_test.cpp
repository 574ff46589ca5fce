#include "gateway/encoding.hpp"

#include <doctest/doctest.h>
#include <zlib.h>

#include "base/msgpack.hpp"

using namespace troupe;
using namespace troupe::gateway;

namespace {

std::string unzipped(std::string_view packed, std::size_t size) {
  std::string out(size, '\0');
  z_stream z{};
  REQUIRE(inflateInit2(&z, 15 + 16) == Z_OK);
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
  z.avail_in = static_cast<uInt>(packed.size());
  z.next_out = reinterpret_cast<Bytef*>(out.data());
  z.avail_out = static_cast<uInt>(out.size());
  CHECK(inflate(&z, Z_FINISH) == Z_STREAM_END);
  out.resize(z.total_out);
  inflateEnd(&z);
  return out;
}

} // namespace

TEST_CASE("one encoder compresses many bodies") {
  gzip_encoder gzip;
  std::string packed;
  for (int round = 0; round < 3; ++round) {
    std::string plain(2000, static_cast<char>('a' + round));
    REQUIRE(gzip.encode(plain, packed));
    CHECK(packed.size() < plain.size());
    CHECK(unzipped(packed, plain.size()) == plain);
  }
  CHECK_FALSE(gzip.encode("x", packed));
}

TEST_CASE("JSON and msgpack say the same") {
  auto text = R"({"a":[1,-2,2.5,true,null,"x\"y"],"b":{},"c":[]})";
  auto packed = json_to_msgpack(text);
  REQUIRE(packed);
  auto back = msgpack_to_json(*packed);
  REQUIRE(back);
  CHECK(*back == text);
}

TEST_CASE("msgpack that JSON cannot say is refused") {
  auto refused = [](std::string_view bytes) {
    auto text = msgpack_to_json(bytes);
    return !text && text.error().code == errc::malformed_body;
  };
  CHECK(refused(""));
  CHECK(refused(std::string_view{"\x81\x01\x02", 3}));                         // a number as key
  CHECK(refused(std::string_view{"\xc4\x01\x00", 3}));                         // bin
  CHECK(refused(std::string_view{"\xa1\xff", 2}));                             // no UTF-8
  CHECK(refused(std::string_view{"\xdd\x7f\xff\xff\xff", 5}));                 // a length that lies
  CHECK(refused(std::string(65, '\x91') + '\x01'));                            // too deep
  CHECK(refused(std::string_view{"\x01\x02", 2}));                             // two values
  CHECK(refused(std::string_view{"\xcb\x7f\xf0\x00\x00\x00\x00\x00\x00", 9})); // infinity
}
