#include <doctest/doctest.h>

#include "actors/provider/feed/feed.hpp"

using namespace troupe;

TEST_CASE("a price is read exactly and written as the shortest decimal") {
  struct row {
    std::string_view text;
    std::int64_t units;
    std::string_view written;
  };
  for (auto [text, units, written] : {row{"20.00", 200'000, "20"},
                                      {"15", 150'000, "15"},
                                      {"7.5", 75'000, "7.5"},
                                      {"0", 0, "0"},
                                      {"0.0001", 1, "0.0001"},
                                      {"0.10", 1'000, "0.1"},
                                      {"100", 1'000'000, "100"},
                                      {"0.29", 2'900, "0.29"},
                                      {"1000000000000", 10'000'000'000'000'000, "1000000000000"}}) {
    CAPTURE(text);
    REQUIRE(parse_price(text).has_value());
    CHECK(parse_price(text)->units == units);
    CHECK(to_string(*parse_price(text)) == written);
  }
}

TEST_CASE("nothing else is read as a price") {
  for (auto wrong : {"",
                     ".",
                     "5.",
                     ".5",
                     "-1",
                     "-0",
                     "+1",
                     "1e3",
                     "1,5",
                     " 1",
                     "1 ",
                     "1.00000",
                     "1.-5",
                     "0x1",
                     "NaN",
                     "inf",
                     "1.2.3",
                     "1000000000000.0001",
                     "10000000000000",
                     "99999999999999999999"})
    CHECK_MESSAGE(!parse_price(wrong), wrong);
}

TEST_CASE("a local time reads and writes as the same") {
  for (auto text : {"2021-06-30T21:00:00", "2024-02-29T23:59:59", "0001-01-01T00:00:00",
                    "9999-12-31T23:59:59", "1969-12-31T23:59:59"}) {
    CAPTURE(text);
    REQUIRE(parse_local_time(text).has_value());
    CHECK(to_string(*parse_local_time(text)) == text);
  }
  CHECK(parse_local_time("1970-01-02T00:00:01")->time_since_epoch().count() == 86'401);
}

TEST_CASE("a date or a time of day that does not exist is refused as such") {
  for (auto wrong :
       {"2021-09-31T20:00:00", "2021-02-29T20:00:00", "1900-02-29T20:00:00", "2021-13-01T20:00:00",
        "2021-00-01T20:00:00", "2021-01-00T20:00:00", "0000-01-01T20:00:00"})
    CHECK_MESSAGE(parse_local_time(wrong).error() == "no such date", wrong);
  for (auto wrong : {"2021-01-01T24:00:00", "2021-01-01T20:60:00", "2021-01-01T20:00:60"})
    CHECK_MESSAGE(parse_local_time(wrong).error() == "no such time of day", wrong);
  for (auto wrong : {"", "2021-06-30", "2021-06-30 21:00:00", "2021-06-30T21:00",
                     "2021-06-30T21:00:00Z", "2021-06-30T21:00:00.000", "2021-6-30T21:00:00",
                     "-021-06-30T21:00:00", "2021-06-30T21:00:0x"})
    CHECK_MESSAGE(parse_local_time(wrong).error() == "no local time such as 2021-06-30T21:00:00",
                  wrong);
}
