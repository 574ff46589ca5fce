#include "gateway/bridge.hpp"

#include <doctest/doctest.h>

#include <boost/asio.hpp>

#include "actors/api/interfaces.hpp"
#include "actors/message_types.hpp"
#include "gateway/task.hpp"

using namespace troupe;
using namespace troupe::gateway;
using namespace std::chrono_literals;

namespace {

struct checker_state {
  static inline const char* name = "checker";
  std::vector<caf::typed_response_promise<password_verified>> kept;
};

/// Matches when the password is "right"; fails for "fail"; ends for "die"; keeps "later" without an answer until it
/// is told "now".
password_actor::behavior_type checker(password_actor::stateful_pointer<checker_state> self) {
  return {
    [](const hash_password& m) -> caf::result<password_hashed> {
      return password_hashed{"hash of " + m.password};
    },
    [self](const verify_password& m) -> caf::result<password_verified> {
      if (m.password == "fail") return to_caf_error({errc::overloaded, "no room", {}, 7});
      if (m.password == "die") {
        self->quit();
        return caf::result<password_verified>{caf::delegated<password_verified>{}};
      }
      if (m.password == "later")
        return self->state.kept.emplace_back(self->make_response_promise<password_verified>());
      if (m.password == "now")
        for (auto& promise : self->state.kept) promise.deliver(password_verified{true});
      return password_verified{m.password == "right"};
    },
  };
}

struct fixture {
  fixture() {
    static const bool registered = (register_message_types(), true);
    static_cast<void>(registered);
    config.set("caf.scheduler.max-threads", std::size_t{1});
    system.emplace(config);
    actor = system->spawn(checker);
  }
  ~fixture() {
    caf::anon_send_exit(actor, caf::exit_reason::kill);
    actor = nullptr;
  }

  caf::actor_system_config config;
  std::optional<caf::actor_system> system;
  password_actor actor;
  boost::asio::io_context io{1};
};

bridge::clock::time_point soon() { return bridge::clock::now() + 10s; }

/// Asks and keeps what comes.
root_task ask(bridge& b, const password_actor& to, std::string password,
              bridge::clock::time_point deadline, std::vector<result<password_verified>>& out) {
  auto got = co_await b.ask(to, deadline, verify_password{std::move(password), ""});
  out.push_back(std::move(got));
}

template <class Done>
void run_until(boost::asio::io_context& io, Done done) {
  auto guard = boost::asio::make_work_guard(io);
  io.restart();
  auto limit = std::chrono::steady_clock::now() + 20s;
  while (!done() && std::chrono::steady_clock::now() < limit) io.run_one_for(1s);
  REQUIRE(done());
}

} // namespace

TEST_CASE("answers and errors of actors come back to who asked") {
  fixture f;
  bridge b{*f.system, f.io, 100};
  std::vector<result<password_verified>> got;
  ask(b, f.actor, "right", soon(), got);
  run_until(f.io, [&] { return got.size() == 1; });
  REQUIRE(got[0]);
  CHECK(got[0]->matches);
  ask(b, f.actor, "fail", soon(), got);
  run_until(f.io, [&] { return got.size() == 2; });
  REQUIRE_FALSE(got[1]);
  CHECK(got[1].error() == failure{errc::overloaded, "no room", {}, 7});
  CHECK(b.pending_count() == 0);
}

TEST_CASE("a thousand answers find their own questions") {
  fixture f;
  bridge b{*f.system, f.io, 1000};
  std::vector<result<password_verified>> right;
  std::vector<result<password_verified>> wrong;
  for (int i = 0; i < 500; ++i) {
    ask(b, f.actor, "right", soon(), right);
    ask(b, f.actor, "wrong", soon(), wrong);
  }
  run_until(f.io, [&] { return right.size() + wrong.size() == 1000; });
  for (const auto& each : right) CHECK((each && each->matches));
  for (const auto& each : wrong) CHECK((each && !each->matches));
}

TEST_CASE("a question past its deadline fails, and its late answer is dropped") {
  fixture f;
  bridge b{*f.system, f.io, 10};
  std::vector<result<password_verified>> late;
  std::vector<result<password_verified>> got;
  auto deadline = bridge::clock::now() + 1h;
  ask(b, f.actor, "later", deadline, late);
  b.expire(deadline - 1ms);
  CHECK(late.empty());
  b.expire(deadline);
  REQUIRE(late.size() == 1);
  CHECK(late[0].error().code == errc::timed_out);
  // Its slot is used again before the answer comes: that must not reach the new question.
  ask(b, f.actor, "now", soon(), got);
  run_until(f.io, [&] { return got.size() == 1 && b.late_answers() == 1; });
  CHECK_FALSE(got[0]->matches);
  CHECK(b.timed_out() == 1);
}

TEST_CASE("over the bound questions are refused at once") {
  fixture f;
  bridge b{*f.system, f.io, 2};
  std::vector<result<password_verified>> got;
  std::vector<result<password_verified>> kept;
  ask(b, f.actor, "later", soon(), kept);
  ask(b, f.actor, "later", soon(), kept);
  ask(b, f.actor, "right", soon(), got);
  REQUIRE(got.size() == 1);
  CHECK(got[0].error().code == errc::overloaded);
  b.fail_all(errc::draining);
  CHECK(kept.size() == 2);
  CHECK(kept[0].error().code == errc::draining);
  CHECK(b.pending_count() == 0);
}

TEST_CASE("nobody to ask, or somebody who ends, is an error and no wait") {
  fixture f;
  bridge b{*f.system, f.io, 10};
  std::vector<result<password_verified>> got;
  ask(b, password_actor{}, "right", soon(), got);
  REQUIRE(got.size() == 1);
  CHECK(got[0].error().code == errc::shard_unavailable);
  ask(b, f.actor, "die", soon(), got);
  ask(b, f.actor, "right", soon(), got);
  run_until(f.io, [&] { return got.size() >= 2; });
  CHECK(got.back().error().code == errc::shard_unavailable);
  b.fail_all(errc::draining);
}

TEST_CASE("answers to a bridge that has gone are harmless") {
  fixture f;
  std::vector<result<password_verified>> got;
  {
    bridge b{*f.system, f.io, 10};
    ask(b, f.actor, "later", soon(), got);
    b.fail_all(errc::draining);
  }
  bridge other{*f.system, f.io, 10};
  ask(other, f.actor, "now", soon(), got);
  run_until(f.io, [&] { return got.size() == 2; });
  CHECK(got[1]);
}
