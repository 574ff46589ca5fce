#include "actors/provider/fetch/gunzip.hpp"

#include <doctest/doctest.h>

#include <array>
#include <string>

#include "tests/unit/actors/provider/fetch/gzip.hpp"

using namespace troupe::provider;

namespace {

struct decoded {
  std::string text;
  gunzip::state where;
};

/// Decodes `bytes`, put in pieces of that size.
decoded decode(std::string_view bytes, std::size_t piece) {
  gunzip decoder;
  std::array<char, 100> room{};
  decoded out;
  while (!bytes.empty()) {
    decoder.put(bytes.substr(0, piece));
    for (;;) {
      auto part = decoder.next(room);
      if (part.empty()) break;
      out.text += part;
    }
    bytes.remove_prefix(std::min(piece, bytes.size()));
  }
  out.where = decoder.where();
  return out;
}

} // namespace

TEST_CASE("what was zipped comes back, however it is cut into pieces") {
  auto text = noise(1'000) + std::string(10'000, 'a') + noise(1'000);
  auto zipped = gzip(text);
  for (std::size_t piece : {1, 2, 7, 100, 100'000}) {
    auto got = decode(zipped, piece);
    CHECK(got.text == text);
    CHECK(got.where == gunzip::state::ended);
  }
}

TEST_CASE("members of one stream are one text") {
  auto got = decode(gzip("one, ") + gzip("") + gzip("two"), 3);
  CHECK(got.text == "one, two");
  CHECK(got.where == gunzip::state::ended);
}

TEST_CASE("a stream that ends early wants more") {
  auto zipped = gzip(noise(500));
  CHECK(decode("", 1).where == gunzip::state::more);
  for (std::size_t size : {std::size_t{1}, std::size_t{12}, zipped.size() - 1})
    CHECK(decode(std::string_view{zipped}.substr(0, size), 10).where == gunzip::state::more);
}

TEST_CASE("what is no gzip, broken or followed by something else is damaged") {
  CHECK(decode("<eventList/>", 4).where == gunzip::state::damaged);
  CHECK(decode(gzip("text") + "more", 5).where == gunzip::state::damaged);
  auto broken = gzip(noise(500));
  broken[broken.size() - 6] ^= 1; // in the checksum
  CHECK(decode(broken, 50).where == gunzip::state::damaged);
}
