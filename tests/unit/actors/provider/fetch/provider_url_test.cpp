#include "actors/provider/fetch/provider_url.hpp"

#include <doctest/doctest.h>

#include "actors/provider/fetch/fetch.hpp"

using namespace troupe;
using namespace troupe::provider;

namespace {

fetch_target target(std::string_view url) {
  auto parsed = parse_url(url);
  REQUIRE_MESSAGE(parsed, url);
  return *parsed;
}

/// Where a redirect leads, or what is wrong with it.
std::string followed(std::string_view from, std::string_view location) {
  auto to = follow(target(from), location);
  return to ? to->url : "error: " + to.error();
}

bool valid(std::string_view url, bool allow_private = false) {
  auto checked = validate_provider_url(url, allow_private);
  CHECK_MESSAGE((checked || checked.error().code == errc::invalid_field), url);
  return checked.has_value();
}

} // namespace

TEST_CASE("a URL says where to connect to and what to ask for") {
  auto plain = target("http://Feeds.Example.com/a/./b/../events?x=1&y=%20#part");
  CHECK_FALSE(plain.tls);
  CHECK(plain.host == "feeds.example.com");
  CHECK(plain.port == 80);
  CHECK(plain.authority == "feeds.example.com");
  CHECK(plain.path == "/a/events?x=1&y=%20");

  auto encrypted = target("https://feeds.example.com:8443");
  CHECK(encrypted.tls);
  CHECK(encrypted.port == 8443);
  CHECK(encrypted.authority == "feeds.example.com:8443");
  CHECK(encrypted.path == "/");
  CHECK(target("https://feeds.example.com?a=b").path == "/?a=b");

  auto six = target("http://[2001:DB8::1]:81/");
  CHECK(six.host == "2001:db8::1");
  CHECK(six.authority == "[2001:db8::1]:81");
}

TEST_CASE("only whole http and https URLs without user and password are taken") {
  for (std::string_view url : {"",
                               "feeds.example.com",
                               "/events",
                               "//feeds.example.com/",
                               "ftp://example.com/",
                               "file:///etc/passwd",
                               "gopher://example.com/",
                               "http:events",
                               "http://",
                               "http:///events",
                               "http://user@example.com/",
                               "http://user:pw@example.com/",
                               "http://example.com:0/",
                               "http://example.com:65536/",
                               "http://example.com:x/",
                               "http://exa mple.com/",
                               "http://example.com/\r\nHost: other",
                               "http://a%00b/",
                               "http://a%2fb/",
                               "http://[fe80::1%25eth0]/",
                               "http://[v1.x]/"})
    CHECK_FALSE_MESSAGE(valid(url, true), url);
  CHECK_FALSE(valid("http://example.com/" + std::string(2'048, 'a')));
  CHECK(valid("http://example.com/" + std::string(1'024, 'a')));
}

TEST_CASE("an address in a URL has to be public unless private ones are allowed") {
  for (std::string_view url :
       {"http://127.0.0.1/", "http://10.1.2.3:8080/events", "https://192.168.0.1/",
        "http://169.254.169.254/latest/meta-data", "http://[::1]/", "http://[::ffff:127.0.0.1]/",
        "http://[fd00::1]/", "http://localhost:8080/", "http://LOCALHOST/", "http://a.localhost/",
        "http://%31%32%37.0.0.1/"}) {
    CHECK_FALSE_MESSAGE(valid(url), url);
    CHECK_MESSAGE(valid(url, true), url);
  }
  for (std::string_view url :
       {"http://feeds.example.com/", "https://1.1.1.1/", "http://[2606:4700::1111]/"})
    CHECK_MESSAGE(valid(url), url);
}

TEST_CASE("a redirect is relative to where it came from and never leaves https") {
  CHECK(followed("http://a.example/x/y?z", "w") == "http://a.example/x/w");
  CHECK(followed("http://a.example/x/y", "/w?q=1") == "http://a.example/w?q=1");
  CHECK(followed("http://a.example/x", "//b.example/") == "http://b.example/");
  CHECK(followed("http://a.example/x", "https://b.example/") == "https://b.example/");
  CHECK(followed("https://a.example/x", "/y") == "https://a.example/y");
  CHECK(followed("https://a.example/x", "http://a.example/y").starts_with("error: "));
  CHECK(followed("http://a.example/x", "ftp://b.example/").starts_with("error: "));
  CHECK(followed("http://a.example/x", "http://u:p@b.example/").starts_with("error: "));
  CHECK(followed("http://a.example/x", "http://[").starts_with("error: "));
  CHECK(followed("http://a.example/x", std::string(4'096, 'a')).starts_with("error: "));
}
