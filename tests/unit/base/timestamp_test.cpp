#include "base/timestamp.hpp"

#include <doctest/doctest.h>

using namespace troupe;

TEST_CASE("a point of time is written in UTC with milliseconds") {
  CHECK(to_string(timestamp{0}) == "1970-01-01T00:00:00.000Z");
  CHECK(to_string(timestamp{1'772'368'200'007}) == "2026-03-01T12:30:00.007Z");
  CHECK(to_string(timestamp{-1}) == "1969-12-31T23:59:59.999Z");
}

TEST_CASE("what is written reads back as the same") {
  for (std::int64_t ms : {std::int64_t{0}, std::int64_t{-1}, std::int64_t{1'772'368'200'007},
                          std::int64_t{253'402'300'799'999}, std::int64_t{951'782'400'000}})
    CHECK(parse_timestamp(to_string(timestamp{ms})) == timestamp{ms});
}

TEST_CASE("offsets, fractions and leap days are read") {
  CHECK(parse_timestamp("2026-03-01T12:30:00Z") == timestamp{1'772'368'200'000});
  CHECK(parse_timestamp("2026-03-01t12:30:00z") == timestamp{1'772'368'200'000});
  CHECK(parse_timestamp("2026-03-01T14:30:00+02:00") == timestamp{1'772'368'200'000});
  CHECK(parse_timestamp("2026-03-01T07:00:00-05:30") == timestamp{1'772'368'200'000});
  CHECK(parse_timestamp("2026-03-01T12:30:00.1Z") == timestamp{1'772'368'200'100});
  CHECK(parse_timestamp("2026-03-01T12:30:00.123456789Z") == timestamp{1'772'368'200'123});
  CHECK(parse_timestamp("2026-03-01T12:30:00.0009Z") == timestamp{1'772'368'200'000});
  CHECK(parse_timestamp("2024-02-29T00:00:00Z").has_value());
  CHECK(parse_timestamp("2000-02-29T00:00:00Z").has_value());
}

TEST_CASE("nothing else is read as a point of time") {
  for (auto wrong : {"",
                     "2026-03-01",
                     "2026-03-01T12:30Z",
                     "2026-03-01T12:30:00",
                     "2026-03-01 12:30:00Z",
                     "2026-02-29T00:00:00Z",
                     "1900-02-29T00:00:00Z",
                     "2026-04-31T00:00:00Z",
                     "2026-13-01T00:00:00Z",
                     "2026-00-01T00:00:00Z",
                     "2026-01-00T00:00:00Z",
                     "2026-01-01T24:00:00Z",
                     "2026-01-01T00:60:00Z",
                     "2026-01-01T00:00:61Z",
                     "2026-01-01T00:00:00.Z",
                     "2026-01-01T00:00:00.1234567890Z",
                     "2026-01-01T00:00:00+24:00",
                     "2026-01-01T00:00:00+0200",
                     "2026-01-01T00:00:00Zx",
                     "26-01-01T00:00:00Z",
                     "2026-1-1T00:00:00Z",
                     "+2026-01-01T00:00:00Z",
                     "2026-01-01T-1:00:00Z"})
    CHECK_MESSAGE(!parse_timestamp(wrong), wrong);
}
