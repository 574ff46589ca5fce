#include "gateway/cursor.hpp"

#include <doctest/doctest.h>

using namespace troupe;
using namespace troupe::gateway;

namespace troupe::cursor_test {

struct position {
  uuid id;
  std::int64_t number = 0;
};

} // namespace troupe::cursor_test

using troupe::cursor_test::position;

TEST_CASE("a cursor opens for its own list only") {
  gateway_keys keys{"a signing key of at least 32 bytes!!"};
  position at{make_uuid_v7(), 42};
  auto cursor = make_cursor(keys, "listGames\nfilter", at);
  auto read = read_cursor<position>(keys, "listGames\nfilter", cursor);
  REQUIRE(read);
  CHECK(read->id == at.id);
  CHECK(read->number == 42);
  CHECK_FALSE(read_cursor<position>(keys, "listGames\nother", cursor));
  gateway_keys other{"another signing key of 32 bytes long"};
  CHECK_FALSE(read_cursor<position>(other, "listGames\nfilter", cursor));
}

TEST_CASE("no changed byte of a cursor is overlooked") {
  gateway_keys keys{"a signing key of at least 32 bytes!!"};
  auto cursor = make_cursor(keys, "list", position{make_uuid_v7(), 1});
  for (std::size_t at = 0; at < cursor.size(); ++at) {
    auto changed = cursor;
    changed[at] = changed[at] == 'A' ? 'B' : 'A';
    auto read = read_cursor<position>(keys, "list", changed);
    CHECK_FALSE(read);
    if (!read) CHECK(read.error().code == errc::invalid_cursor);
    CHECK_FALSE(read_cursor<position>(keys, "list", cursor.substr(0, at)));
  }
  CHECK_FALSE(read_cursor<position>(keys, "list", cursor + "A"));
  CHECK_FALSE(read_cursor<position>(keys, "list", "%%%"));
  CHECK_FALSE(read_cursor<position>(keys, "list", std::string(100'000, 'A')));
}

TEST_CASE("operations are named by principal and key, requests by all they say") {
  gateway_keys keys{"a signing key of at least 32 bytes!!"};
  auto ann = make_uuid_v7();
  auto bob = make_uuid_v7();
  CHECK(keys.operation_id(ann, "k") == keys.operation_id(ann, "k"));
  CHECK(keys.operation_id(ann, "k") != keys.operation_id(bob, "k"));
  CHECK(keys.operation_id(ann, "k") != keys.operation_id(ann, "l"));
  CHECK((keys.operation_id(ann, "k").bytes[6] >> 4) == 8);
  auto hash = keys.request_hash("PUT", "/a", "b");
  CHECK(hash == keys.request_hash("PUT", "/a", "b"));
  CHECK(hash != keys.request_hash("PUT", "/ab", ""));
  CHECK(hash != keys.request_hash("POST", "/a", "b"));
  CHECK(hash !=
        gateway_keys{"another signing key of 32 bytes long"}.request_hash("PUT", "/a", "b"));
}
