#include "gateway/negotiation.hpp"

#include <doctest/doctest.h>

using namespace troupe;
using namespace troupe::gateway;

TEST_CASE("Accept chooses between JSON and msgpack") {
  CHECK(accepted_format("") == body_format::json);
  CHECK(accepted_format("*/*") == body_format::json);
  CHECK(accepted_format("application/msgpack") == body_format::msgpack);
  CHECK(accepted_format("application/json, application/msgpack") == body_format::json);
  CHECK(accepted_format("application/json;q=0.5, application/msgpack") == body_format::msgpack);
  CHECK(accepted_format("application/json;q=0, */*") == body_format::msgpack);
  CHECK(accepted_format("text/html, application/xhtml+xml, */*;q=0.8") == body_format::json);
  CHECK(accepted_format("Application/JSON; charset=utf-8") == body_format::json);
  CHECK(accepted_format("application/problem+json") == body_format::json);
  CHECK_FALSE(accepted_format("text/html"));
  CHECK_FALSE(accepted_format("application/json;q=0"));
  CHECK_FALSE(accepted_format(";;;,,,"));
}

TEST_CASE("gzip is used only when it is wanted") {
  CHECK(accepts_gzip("gzip"));
  CHECK(accepts_gzip("br, gzip;q=0.5"));
  CHECK(accepts_gzip("*"));
  CHECK_FALSE(accepts_gzip(""));
  CHECK_FALSE(accepts_gzip("gzip;q=0"));
  CHECK_FALSE(accepts_gzip("gzip;q=0, *"));
  CHECK_FALSE(accepts_gzip("identity"));
}

TEST_CASE("a Content-Type is known by its type and must be UTF-8") {
  CHECK(format_of("application/json") == body_format::json);
  CHECK(format_of("application/json; charset=UTF-8") == body_format::json);
  CHECK(format_of("application/x-msgpack") == body_format::msgpack);
  CHECK(format_of("application/x-www-form-urlencoded") == body_format::form);
  CHECK_FALSE(format_of("application/json; charset=latin1"));
  CHECK_FALSE(format_of("text/plain"));
  CHECK_FALSE(format_of(""));
}

TEST_CASE("entity tags are versions") {
  CHECK(matches_none("\"3\"", 3));
  CHECK(matches_none("W/\"3\"", 3));
  CHECK(matches_none("\"1\", \"3\"", 3));
  CHECK(matches_none("*", 3));
  CHECK_FALSE(matches_none("\"2\"", 3));
  CHECK_FALSE(matches_none("3", 3));
  CHECK_FALSE(matches_none("\"\"", 0));
  CHECK(parse_if_match("\"3\"").versions == std::vector<std::int64_t>{3});
  CHECK(parse_if_match("*").any);
  CHECK(parse_if_match("W/\"3\", \"x\", \"-1\"").versions.empty());
}

TEST_CASE("a trace goes on only when its parent is well-formed") {
  auto good = parse_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
  REQUIRE(good);
  CHECK(good->trace_id == "4bf92f3577b34da6a3ce929d0e0e4736");
  CHECK(good->flags == "01");
  CHECK(parse_traceparent("01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more"));
  for (auto bad : {"", "00", "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
                   "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
                   "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
                   "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                   "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more"})
    CHECK_FALSE(parse_traceparent(bad));
}

TEST_CASE("ids from clients are taken only in a harmless form") {
  CHECK(is_request_id("req-1.a:b_c"));
  CHECK_FALSE(is_request_id(""));
  CHECK_FALSE(is_request_id("a b"));
  CHECK_FALSE(is_request_id("a\r\nSet-Cookie: x"));
  CHECK_FALSE(is_request_id(std::string(65, 'a')));
  CHECK(is_idempotency_key("a key with spaces"));
  CHECK_FALSE(is_idempotency_key(""));
  CHECK_FALSE(is_idempotency_key(std::string(256, 'a')));
  CHECK_FALSE(is_idempotency_key("\xc3\xa9"));
}
