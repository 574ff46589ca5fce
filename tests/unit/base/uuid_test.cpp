#include "base/uuid.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <set>
#include <thread>
#include <vector>

using namespace troupe;

TEST_CASE("fresh ids have version 7, the variant of RFC 9562 and the present time") {
  using namespace std::chrono;
  auto now = [] {
    return static_cast<std::uint64_t>(
      duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count());
  };
  auto before = now();
  uuid id;
  // a thread of its own: one that has made very many ids quickly runs ahead of the clock
  std::jthread{[&] { id = make_uuid_v7(); }}.join();
  auto after = now();
  CHECK((id.bytes[6] >> 4) == 7);
  CHECK((id.bytes[8] >> 6) == 2);
  std::uint64_t at = 0;
  for (int i = 0; i < 6; ++i) at = (at << 8) | id.bytes[i];
  CHECK(at >= before);
  CHECK(at <= after);
}

TEST_CASE("ids of one thread ascend, also within a millisecond") {
  auto last = make_uuid_v7();
  for (int i = 0; i < 100'000; ++i) {
    auto next = make_uuid_v7();
    REQUIRE(last < next);
    last = next;
  }
}

TEST_CASE("ids of many threads differ") {
  constexpr int threads = 4;
  constexpr int each = 20'000;
  std::vector<std::vector<uuid>> made(threads);
  {
    std::vector<std::jthread> running;
    for (auto& list : made)
      running.emplace_back([&list] {
        for (int i = 0; i < each; ++i) list.push_back(make_uuid_v7());
      });
  }
  std::set<uuid> all;
  for (const auto& list : made) all.insert(list.begin(), list.end());
  CHECK(all.size() == static_cast<std::size_t>(threads) * each);
}

TEST_CASE("an id made from parts is the same every time") {
  auto id = make_uuid_v7(0x017F22E279B0, 0xCC3, 0x18C4DC0C0C07398F);
  CHECK(to_string(id) == "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"); // the example of RFC 9562, A.6
}

TEST_CASE("only the canonical form of an id is read") {
  auto id = make_uuid_v7();
  CHECK(parse_uuid(to_string(id)) == id);
  CHECK(parse_uuid("017F22E2-79B0-7CC3-98C4-DC0C0C07398F") ==
        parse_uuid("017f22e2-79b0-7cc3-98c4-dc0c0c07398f"));
  for (auto wrong :
       {"", "017f22e2", "017f22e279b07cc398c4dc0c0c07398f",
        "{017f22e2-79b0-7cc3-98c4-dc0c0c07398f}", "017f22e2-79b0-7cc3-98c4-dc0c0c07398",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398g", "017f22e2-79b0-7cc3-98c4-dc0c0c07398f0",
        "017f22e-279b0-7cc3-98c4-dc0c0c07398f", "urn:uuid:017f22e2-79b0-7cc3-98c4-dc0c0c07398f",
        "017f22e2 79b0 7cc3 98c4 dc0c0c07398f"})
    CHECK_MESSAGE(!parse_uuid(wrong), wrong);
}

TEST_CASE("a nil id is nil") {
  CHECK(uuid{}.is_nil());
  CHECK_FALSE(make_uuid_v7().is_nil());
}
