#include "gateway/http/parser.hpp"

#include <doctest/doctest.h>

#include "gateway/context.hpp"

using namespace troupe;
using namespace troupe::gateway;
using http::field;

namespace {

struct parsed {
  http::request in;
  std::string body;
  std::string header; ///< the views point into it
  boost::system::error_code ec;
  bool done = false;
};

/// Feeds the body in pieces of `step` bytes.
void parse(parsed& out, std::string_view header, std::string_view body, std::size_t step) {
  out.header = header;
  http::request_parser parser{out.in, out.body, 16 * 1024, 256};
  out.ec = parser.read_header(out.header);
  std::string pending;
  for (std::size_t at = 0; !out.ec && !parser.is_done() && at < body.size(); at += step) {
    pending.append(body.substr(at, step));
    std::size_t used = 0;
    out.ec = parser.read_body(pending, used);
    pending.erase(0, used);
  }
  out.done = !out.ec && parser.is_done();
}

errc refusal(std::string_view header) {
  parsed out;
  parse(out, header, "", 1);
  REQUIRE(out.ec);
  return http::failure_of(out.ec).code;
}

} // namespace

TEST_CASE("a request's fields are views into its header") {
  parsed out;
  parse(out,
        "GET /v1/games?limit=1 HTTP/1.1\r\nHost: a\r\nIDEMPOTENCY-key:  k 1 \r\nX-Other: 2\r\n\r\n",
        "", 1);
  REQUIRE(out.done);
  CHECK(out.in.verb == http::method::get);
  CHECK(out.in.path == "/v1/games");
  CHECK(out.in.query == "limit=1");
  CHECK(out.in[field::idempotency_key] == "k 1");
  CHECK(out.in.has(field::host));
  CHECK_FALSE(out.in.has(field::accept));
  CHECK(out.in.keep_alive);
}

TEST_CASE("a transfer coding after which the end of the body is unknown is refused") {
  for (const std::string coding :
       {"gzip", "chunked, identity", "identity", "chunked, gzip", "xchunked"})
    CHECK(refusal("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: " + coding + "\r\n\r\n") ==
          errc::malformed_request);
}

TEST_CASE("the absolute form of a target is its path") {
  parsed out;
  parse(out, "GET http://host:1/x?y HTTP/1.1\r\nHost: a\r\n\r\n", "", 1);
  CHECK(out.in.path == "/x");
  CHECK(out.in.query == "y");
}

TEST_CASE("a repeated field is noticed") {
  parsed out;
  parse(out, "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "", 1);
  CHECK(out.in.is_repeated(field::host));
}

TEST_CASE("bodies come whole however they are cut") {
  for (std::size_t step : {1u, 2u, 3u, 7u, 100u}) {
    CAPTURE(step);
    parsed plain;
    parse(plain, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n", "hello world", step);
    CHECK(plain.done);
    CHECK(plain.body == "hello world");
    parsed chunked;
    parse(chunked, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
          "5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nTrailer: 1\r\n\r\n", step);
    CHECK(chunked.done);
    CHECK(chunked.body == "hello world");
  }
}

TEST_CASE("what could smuggle a request is refused") {
  CHECK(refusal("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n") ==
        errc::malformed_request);
  CHECK(
    refusal(
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n") ==
    errc::malformed_request);
  CHECK(refusal("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n") ==
        errc::malformed_request);
  CHECK(refusal("GET / HTTP/1.1\r\nHost: a\r\nAccept: x\r\n y\r\n\r\n") == errc::malformed_request);
  CHECK(refusal("GET / HTTP/1.1\r\nHost : a\r\n\r\n") == errc::malformed_request);
  CHECK(refusal("GET / HTTP/2.0\r\nHost: a\r\n\r\n") == errc::malformed_request);
  CHECK(refusal("GET /a b HTTP/1.1\r\nHost: a\r\n\r\n") == errc::malformed_request);
}

TEST_CASE("a body over the limit is refused by its claim or by its chunks") {
  CHECK(refusal("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 257\r\n\r\n") ==
        errc::body_too_large);
  parsed out;
  parse(out, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
        "101\r\n" + std::string(257, 'x') + "\r\n0\r\n\r\n", 64);
  REQUIRE(out.ec);
  CHECK(http::failure_of(out.ec).code == errc::body_too_large);
}

TEST_CASE("parameters are decoded, broken ones refused") {
  auto pairs = parse_pairs("a=1+2&b=%C3%A9&c&&d=");
  REQUIRE(pairs);
  REQUIRE(pairs->size() == 4);
  CHECK((*pairs)[0].value == "1 2");
  CHECK((*pairs)[1].value == "é");
  CHECK((*pairs)[2].value.empty());
  for (auto bad : {"a=%", "a=%4", "a=%zz", "a=%ff", "%c0=1"}) CHECK_FALSE(parse_pairs(bad));
  std::string many;
  for (int i = 0; i < 100; ++i) many += "a=1&";
  CHECK_FALSE(parse_pairs(many));
}
