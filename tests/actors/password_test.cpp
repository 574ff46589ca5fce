#define CAF_SUITE password

#include <caf/test/dsl.hpp>

#include <memory>
#include <string>

#include "actors/api/errors.hpp"
#include "actors/password/worker.hpp"

using namespace troupe;
using namespace std::chrono_literals;

namespace {

/// Real workers on threads of their own, at the lowest cost that Argon2id allows; the test waits for
/// them.
struct password_fixture : test_coordinator_fixture<> {
  metric_registry metrics;
  auth_settings settings = cheap();
  caf::scoped_actor self{sys};
  std::shared_ptr<password_probe> probe = std::make_shared<password_probe>(metrics);
  password_actor worker = spawn_password_worker(sys, settings, probe);

  ~password_fixture() { caf::anon_send_exit(worker, caf::exit_reason::user_shutdown); }

  static auth_settings cheap() {
    auth_settings it;
    it.password_ops_limit = 1;
    it.password_memory = kibibytes(8);
    it.password_workers = 2;
    it.password_queue = 4;
    return it;
  }

  std::string hash(const std::string& password) {
    std::string encoded;
    self->request(worker, 1min, hash_password{password})
      .receive([&](password_hashed& done) { encoded = std::move(done.encoded); },
               [&](const caf::error& error) { CAF_FAIL(to_string(error)); });
    return encoded;
  }
  bool matches(const std::string& password, const std::string& encoded) {
    bool it = false;
    self->request(worker, 1min, verify_password{password, encoded})
      .receive([&](password_verified done) { it = done.matches; },
               [&](const caf::error& error) { CAF_FAIL(to_string(error)); });
    return it;
  }
  std::uint64_t count_of(const std::string& work) {
    for (const auto& family : metrics.Collect())
      if (family.name == "troupe_password_seconds")
        for (const auto& metric : family.metric)
          if (metric.label.at(0).value == work) return metric.histogram.sample_count;
    return 0;
  }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(password_tests, password_fixture)

CAF_TEST(a hash fits its password only) {
  const auto encoded = hash("open sesame");
  CAF_CHECK(encoded.starts_with("$argon2id$v=19$m=8,t=1,p=1$"));
  CAF_CHECK(matches("open sesame", encoded));
  CAF_CHECK(!matches("open barley", encoded));
  CAF_CHECK(!matches("", encoded));
  CAF_CHECK(!matches("open sesame ", encoded));
  CAF_CHECK_EQUAL(count_of("hash"), 1u);
  CAF_CHECK_EQUAL(count_of("verify"), 4u);
}

CAF_TEST(the same password never has the same hash) {
  CAF_CHECK_NOT_EQUAL(hash("open sesame"), hash("open sesame"));
}

CAF_TEST(passwords are bytes) {
  const std::string odd{"a\0b\xff", 4};
  const auto encoded = hash(odd);
  CAF_CHECK(matches(odd, encoded));
  CAF_CHECK(!matches("a", encoded));
}

CAF_TEST(nothing fits an unknown account and finding out costs a full check) {
  settings.password_ops_limit = 3;
  settings.password_memory = mebibytes(32);
  caf::anon_send_exit(worker, caf::exit_reason::user_shutdown);
  worker = spawn_password_worker(sys, settings, probe);
  const auto encoded = hash("open sesame");
  auto time_of = [&](const std::string& against) {
    const auto began = std::chrono::steady_clock::now();
    CAF_CHECK(!matches("open barley", against));
    return std::chrono::steady_clock::now() - began;
  };
  CAF_CHECK(!matches("", ""));
  const auto known = time_of(encoded);
  const auto unknown = time_of("");
  CAF_CHECK(unknown > known / 3); // both do the same work; a short cut would take microseconds
}

CAF_TEST(what is no hash fits nothing) {
  for (const std::string text : {"x", "$argon2id$", "$argon2id$v=19$m=8,t=1,p=1$",
                                 "$argon2i$v=19$m=8,t=1,p=1$c2FsdA$aGFzaA"})
    CAF_CHECK(!matches("open sesame", text));
  CAF_CHECK(!matches("open sesame", std::string(10'000, '$')));
}

CAF_TEST(more memory than there is fails that request alone) {
  settings.password_memory = byte_size{std::uint64_t{1} << 46};
  caf::anon_send_exit(worker, caf::exit_reason::user_shutdown);
  worker = spawn_password_worker(sys, settings, probe);
  for (int i = 0; i < 2; ++i)
    self->request(worker, 1min, hash_password{"open sesame"})
      .receive(
        [](const password_hashed&) { CAF_FAIL("hashed"); },
        [](const caf::error& error) { CAF_CHECK(from_caf_error(error).code == errc::overloaded); });
}

CAF_TEST(the pool spreads its places over the workers and is bounded) {
  const auto pool = make_password_pool(sys, settings, metrics);
  CAF_REQUIRE_EQUAL(pool->workers().size(), 2u);
  std::vector<password_pool::place> places;
  std::map<caf::actor_id, int> per_worker;
  for (int i = 0; i < 4; ++i) {
    auto place = pool->take();
    CAF_REQUIRE(place);
    ++per_worker[place->worker().id()];
    places.push_back(std::move(*place));
  }
  for (const auto& worker_handle : pool->workers())
    CAF_CHECK_EQUAL(per_worker[worker_handle.id()], 2);
  const auto refused = pool->take();
  CAF_REQUIRE(!refused);
  CAF_CHECK(refused.error().code == errc::overloaded);
  CAF_CHECK_EQUAL(refused.error().retry_after_s.value_or(0), 1u);
  places.pop_back();
  CAF_CHECK(pool->take());
  CAF_CHECK(pool->take()); // the place before was given back at once
  for (const auto& worker_handle : pool->workers())
    caf::anon_send_exit(worker_handle, caf::exit_reason::user_shutdown);
}

CAF_TEST_FIXTURE_SCOPE_END()
