#include "persistence/redis/address.hpp"

#include <doctest/doctest.h>
#include <string>

using namespace troupe;

TEST_CASE("Redis URLs are read with all their parts") {
  CHECK(parse_redis_url("redis://localhost") == redis_address{.host = "localhost"});
  CHECK(parse_redis_url("redis://10.0.0.1:7000/3") ==
        redis_address{.host = "10.0.0.1", .port = 7000, .database = 3});
  CHECK(parse_redis_url("redis://:p%40ss%2F@cache:6380/") ==
        redis_address{.host = "cache", .port = 6380, .password = "p@ss/"});
  CHECK(
    parse_redis_url("rediss://me:secret@[::1]:6379/1") ==
    redis_address{.host = "::1", .user = "me", .password = "secret", .database = 1, .tls = true});
  CHECK(parse_redis_url("unix:///run/redis.sock") ==
        redis_address{.port = 0, .socket_path = "/run/redis.sock"});
  CHECK(
    parse_redis_url("unix://:pw@/run/redis.sock?db=2") ==
    redis_address{.port = 0, .socket_path = "/run/redis.sock", .password = "pw", .database = 2});
}

TEST_CASE("wrong Redis URLs are refused without being repeated") {
  for (const std::string url :
       {"", "localhost:6379", "http://secret@x", "redis://", "redis://:secret@", "redis://h:0",
        "redis://h:70000", "redis://h:x", "redis://h/x", "redis://h/1/2", "redis://secret@h",
        "redis://:%zz@h", "redis://:%4@h", "redis://:%@h", "redis://[::1", "redis://[::1]x",
        "unix://relative", "unix:///s?x=1", "unix:///s?db=secret"}) {
    CAPTURE(url);
    const auto read = parse_redis_url(url);
    REQUIRE_FALSE(read);
    CHECK(read.error().code == errc::invalid_field);
    CHECK(read.error().detail.find("secret") == std::string::npos);
  }
  CHECK_FALSE(parse_redis_url(std::string{"redis://h\0x", 11}));
}

TEST_CASE("an address is logged without its secrets") {
  const auto read = parse_redis_url("rediss://me:secret@[::1]:7/2").value();
  CHECK(to_string(read) == "rediss://[::1]:7/2");
  CHECK(to_string(parse_redis_url("unix://:secret@/s").value()) == "unix:///s?db=0");
}
