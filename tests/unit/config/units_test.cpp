#include "config/units.hpp"

#include <doctest/doctest.h>

using namespace troupe;
using namespace std::chrono_literals;

TEST_CASE("durations are read with their unit") {
  CHECK(parse_duration("500ms") == 500ms);
  CHECK(parse_duration("2s") == 2s);
  CHECK(parse_duration("15m") == 15min);
  CHECK(parse_duration("12h") == 12h);
  CHECK(parse_duration("30d") == 720h);
  CHECK(parse_duration("1.5s") == 1500ms);
  CHECK(parse_duration("0.001s") == 1ms);
  CHECK(parse_duration("2 s") == 2s);
  CHECK(parse_duration("0") == 0ms);
  for (auto wrong : {"", "5", "s", "-1s", "1.s", ".5s", "1.0005s", "0.5ms", "1S", "1s ", "1sec",
                     "99999999999999999999s", "9999999999999999d", "1e3s", "0x10s"})
    CHECK_MESSAGE(!parse_duration(wrong), wrong);
}

TEST_CASE("sizes are read with binary and decimal units") {
  CHECK(parse_byte_size("512") == byte_size{512});
  CHECK(parse_byte_size("512B") == byte_size{512});
  CHECK(parse_byte_size("256KiB") == kibibytes(256));
  CHECK(parse_byte_size("1.5MiB") == kibibytes(1536));
  CHECK(parse_byte_size("2GiB") == mebibytes(2048));
  CHECK(parse_byte_size("1kB") == byte_size{1000});
  CHECK(parse_byte_size("3MB") == byte_size{3'000'000});
  for (auto wrong :
       {"", "KiB", "-1", "1K", "1kib", "1.5", "0.3KiB", "99999999999999999999", "99999999999GiB"})
    CHECK_MESSAGE(!parse_byte_size(wrong), wrong);
}

TEST_CASE("durations and sizes are written in the largest unit that fits") {
  CHECK(to_string(0ms) == "0s");
  CHECK(to_string(1500ms) == "1500ms");
  CHECK(to_string(std::chrono::milliseconds{90s}) == "90s");
  CHECK(to_string(std::chrono::milliseconds{24h}) == "1d");
  CHECK(to_string(byte_size{0}) == "0B");
  CHECK(to_string(kibibytes(1536)) == "1536KiB");
  CHECK(to_string(mebibytes(2048)) == "2GiB");
}
