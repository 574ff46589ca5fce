#define CAF_SUITE provider_schedule

#include "tests/actors/provider_fixture.hpp"

#include "actors/provider/circuit.hpp"
#include "base/msgpack.hpp"

// When a shard of providers starts which fetch.

using namespace troupe;
using namespace troupe::test;

namespace {

struct fixture : provider_fixture {
  /// Lets the running fetch fail, and more after it until the circuit is open.
  void open_circuit(const uuid& id) {
    for (std::uint32_t failures = 0; failures < circuit_opens_at; ++failures) {
      if (failures > 0) join(id);
      CAF_REQUIRE(end(fetches.back(), "connect")->value);
    }
  }

  /// Has the storage tell that the only provider's last fetch began so long before now.
  void store_start_before(std::chrono::milliseconds ago) {
    auto& row = tables.providers.progress.front();
    auto progress = from_msgpack<fetch_progress>(row.state);
    CAF_REQUIRE(progress);
    progress->started_at = timestamp{now().unix_ms - ago.count()};
    row.state = to_msgpack(*progress);
  }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(provider_schedule_tests, fixture)

CAF_TEST(a new provider is fetched at the next look) {
  const auto id = create(300s);
  CAF_CHECK(fetches.empty());
  look();
  CAF_REQUIRE_EQUAL(fetches.size(), 1u);
  CAF_CHECK(fetches[0].order.provider_id == id);
  CAF_CHECK_EQUAL(fetches[0].order.request.url, "http://feeds.example/events");
  const auto shown = see(id);
  CAF_CHECK(shown.fetch.running);
  CAF_CHECK(shown.fetch.started_at.has_value());
}

CAF_TEST(a provider that is paused or deleted is not fetched) {
  const auto paused = create(300s, true);
  remove(create(300s));
  look();
  pass(1h);
  CAF_CHECK(fetches.empty());
  change_provider resumed;
  resumed.id = paused;
  resumed.paused = false;
  ask<seen_answer>(providers, fresh_call(), resumed);
  look();
  CAF_CHECK_EQUAL(fetches.size(), 1u);
}

CAF_TEST(a paused provider is fetched when somebody asks for it) {
  const auto id = create(300s, true);
  auto asked = join(id);
  CAF_REQUIRE_EQUAL(fetches.size(), 1u);
  CAF_CHECK(asked->pending());
  end(fetches[0]);
  CAF_CHECK(asked->value.has_value());
}

CAF_TEST(a provider has one fetch at a time and who asks for another gets the end of that) {
  const auto id = create_fetched(60s);
  auto asked = join(id);
  pass(10min);
  CAF_CHECK_EQUAL(fetches.size(), 1u);
  CAF_CHECK(asked->pending());
  auto ended = end(fetches[0]);
  CAF_REQUIRE(ended->value && asked->value);
  CAF_CHECK(asked->value->fetch.succeeded_at.has_value());
  CAF_CHECK(!asked->value->fetch.running);
}

CAF_TEST(a look and a request that waited for the same write start one fetch) {
  create_fetched(24h);
  const auto id = create(300s);
  tables.hold = true;
  store(fetches[0], {event("1")});
  look();
  auto asked = join(id);
  store_held();
  CAF_REQUIRE_EQUAL(fetches.size(), 2u);
  CAF_CHECK(asked->pending());
  end(fetches[1]);
  CAF_CHECK(asked->value.has_value());
}

CAF_TEST(a fetch for which there is no room is tried again) {
  const auto id = create(300s);
  room = false;
  look();
  CAF_CHECK(refused(*join(id), errc::overloaded));
  CAF_CHECK(!see(id).fetch.running);
  room = true;
  look();
  CAF_CHECK_EQUAL(fetches.size(), 1u);
}

CAF_TEST(the interval counts from the start of the last fetch) {
  create_fetched(300s);
  pass(40s);
  end(fetches[0]);
  pass(259s);
  CAF_CHECK_EQUAL(fetches.size(), 1u);
  pass(1s);
  CAF_CHECK_EQUAL(fetches.size(), 2u);
}

CAF_TEST(a fetch that took longer than the interval is followed by the next at once) {
  create_fetched(60s);
  pass(5min);
  end(fetches[0]);
  look();
  CAF_CHECK_EQUAL(fetches.size(), 2u);
}

CAF_TEST(a new owner keeps the interval by the time that is stored) {
  create_fetched(24h);
  end(fetches[0]);
  kill();
  store_start_before(10h);
  spawn();
  look();
  pass(13h);
  CAF_CHECK(fetches.empty());
  pass(2h); // the shard's clock and the wall clock need not agree to the second
  CAF_CHECK_EQUAL(fetches.size(), 1u);
}

CAF_TEST(a new owner fetches at once what is overdue) {
  create_fetched(60s);
  end(fetches[0]);
  kill();
  store_start_before(1h);
  spawn();
  look();
  CAF_CHECK_EQUAL(fetches.size(), 1u);
}

CAF_TEST(an owner that comes back plans by what others stored meanwhile) {
  create_fetched(24h);
  end(fetches[0]);
  look();
  release();
  store_start_before(25h);
  serve();
  look();
  CAF_CHECK_EQUAL(fetches.size(), 2u);
}

CAF_TEST(another interval holds from the next look on) {
  const auto id = create_fetched(24h);
  end(fetches[0]);
  look();
  change_interval(id, 10min);
  look();
  pass(8min);
  CAF_CHECK_EQUAL(fetches.size(), 1u);
  pass(4min);
  CAF_CHECK_EQUAL(fetches.size(), 2u);
}

CAF_TEST(another interval that comes while a fetch runs holds after it) {
  const auto id = create_fetched(24h);
  change_interval(id, 10min);
  end(fetches[0]);
  look();
  pass(12min);
  CAF_CHECK_EQUAL(fetches.size(), 2u);
}

CAF_TEST(another interval that waits for a write holds after it though a look is in line before it) {
  const auto id = create_fetched(24h);
  end(fetches[0]);
  create_fetched(24h);
  tables.hold = true;
  store(fetches[1], {event("1")});
  look();
  change_interval(id, 10min);
  store_held();
  CAF_CHECK_EQUAL(see(id).interval_s, 600u);
  look();
  pass(12min);
  CAF_REQUIRE_EQUAL(fetches.size(), 3u);
  CAF_CHECK(fetches[2].order.provider_id == id);
}

CAF_TEST(a failed fetch is tried again within a back - off that doubles) {
  const auto id = create_fetched(24h);
  for (std::uint32_t failures = 1; failures < circuit_opens_at; ++failures) {
    CAF_REQUIRE(end(fetches.back(), "connect")->value);
    const auto shown = see(id);
    CAF_CHECK_EQUAL(shown.fetch.failures, failures);
    CAF_CHECK_EQUAL(shown.fetch.failure, "connect");
    CAF_CHECK_EQUAL(shown.circuit, "closed");
    pass(1s * (1 << failures));
    CAF_CHECK_EQUAL(fetches.size(), failures + 1);
  }
}

CAF_TEST(with an open circuit only single fetches try it and a success closes it) {
  const auto id = create_fetched(24h);
  open_circuit(id);
  const auto before = fetches.size();
  CAF_CHECK_EQUAL(see(id).circuit, "open");
  pass(12h - 1s);
  CAF_CHECK_EQUAL(fetches.size(), before);
  pass(12h + 1s);
  CAF_REQUIRE_EQUAL(fetches.size(), before + 1);
  CAF_CHECK_EQUAL(see(id).circuit, "half-open");
  CAF_REQUIRE(end(fetches.back())->value);
  CAF_CHECK_EQUAL(see(id).circuit, "closed");
  CAF_CHECK_EQUAL(see(id).fetch.failures, 0u);
  pass(24h - 1s);
  CAF_CHECK_EQUAL(fetches.size(), before + 1);
  pass(1s);
  CAF_CHECK_EQUAL(fetches.size(), before + 2);
}

CAF_TEST(an open circuit is tried after half a minute to a minute when the interval is short) {
  open_circuit(create_fetched(10s));
  const auto before = fetches.size();
  pass(29s);
  CAF_CHECK_EQUAL(fetches.size(), before);
  pass(31s);
  CAF_CHECK_EQUAL(fetches.size(), before + 1);
}

CAF_TEST(who asks for a fetch while the circuit is open sees it half open) {
  const auto id = create_fetched(24h);
  open_circuit(id);
  auto c = fresh_call();
  c.deadline = time() + 10min;
  auto asked = join(id, c);
  pass(10min);
  CAF_REQUIRE(asked->value);
  CAF_CHECK(asked->value->fetch.running);
  CAF_CHECK_EQUAL(asked->value->circuit, "half-open");
}

CAF_TEST(a provider that names a time is not asked before) {
  create_fetched(60s);
  end(fetches[0], "http_status", 1h);
  pass(1h - 1s);
  CAF_CHECK_EQUAL(fetches.size(), 1u);
  pass(1s);
  CAF_CHECK_EQUAL(fetches.size(), 2u);
}

CAF_TEST_FIXTURE_SCOPE_END()
