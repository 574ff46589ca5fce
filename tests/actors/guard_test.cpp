#define CAF_SUITE guard

#include <caf/test/dsl.hpp>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "actors/guard/guard.hpp"
#include "actors/guard/lockout_book.hpp"

using namespace troupe;
using namespace std::chrono_literals;

namespace {

/// What a Redis would hold, on the same clock as the actors.
struct memory_redis {
  lockout_book locks{1'000};
  std::vector<uuid> revoked;
  std::map<std::string, std::uint64_t> usage;
  std::map<uuid, std::string> responses;
  bool refuses = false; ///< every operation
  bool silent = false;  ///< never answers
  int asked = 0;
};

struct memory_redis_answer {
  memory_redis& redis;
  lockout_book::time_point now;

  redis_answer operator()(const read_locks& op) const {
    lock_left left;
    for (const auto& subject : op.subjects)
      left.time = std::max(left.time, redis.locks.left(subject, now));
    return left;
  }
  redis_answer operator()(const count_failure& op) const {
    lock_left left;
    for (const auto& rule : op.rules)
      left.time = std::max(left.time, redis.locks.count_failure(rule, now));
    return left;
  }
  redis_answer operator()(const clear_failures& op) const {
    redis.locks.clear_failures(op.subject);
    return redis_done{};
  }
  redis_answer operator()(const share_revocations& op) const {
    redis.revoked.insert(redis.revoked.end(), op.session_ids.begin(), op.session_ids.end());
    return redis_done{};
  }
  redis_answer operator()(const load_revocations&) const {
    shared_revocations found;
    for (const auto& id : redis.revoked) found.items.emplace_back(id, 10min);
    return found;
  }
  redis_answer operator()(const add_usage& op) const {
    usage_totals found;
    for (const auto& [bucket, taken] : op.buckets)
      found.totals.push_back(redis.usage[bucket] += taken);
    return found;
  }
  redis_answer operator()(const fetch_response& op) const {
    kept_response kept;
    if (const auto found = redis.responses.find(op.op_id); found != redis.responses.end())
      kept.bytes = found->second;
    return kept;
  }
  redis_answer operator()(const store_response& op) const {
    redis.responses[op.op_id] = op.bytes;
    return redis_done{};
  }
};

redis_actor::behavior_type memory_redis_behavior(redis_actor::pointer self, memory_redis* redis) {
  return {[self, redis](redis_request& request) {
    ++redis->asked;
    if (redis->silent) return;
    redis_receipts mail;
    if (redis->refuses)
      mail.items.push_back(
        {.ticket = request.ticket, .answer = {}, .why = {errc::storage_unavailable, {}, {}, {}}});
    else
      mail.items.push_back({.ticket = request.ticket,
                            .answer = std::visit(memory_redis_answer{*redis, self->clock().now()},
                                                 request.operation)});
    self->send(request.reply_to, std::move(mail));
  }};
}

/// Two nodes' guards that share a Redis in memory; no threads, virtual time.
struct guard_fixture : test_coordinator_fixture<> {
  memory_redis redis;
  redis_actor redis_handle = sys.spawn(memory_redis_behavior, &redis);
  std::shared_ptr<redis_status> status = std::make_shared<redis_status>();
  metric_registry metrics;
  std::shared_ptr<revocation_set> revocations = std::make_shared<revocation_set>();
  std::shared_ptr<revocation_set> other_revocations = std::make_shared<revocation_set>();
  guard_service guard;
  guard_service other;

  guard_fixture() {
    status->set_up(true);
    guard = spawn_guard(sys, setup(revocations));
    other = spawn_guard(sys, setup(other_revocations));
    settle();
  }
  ~guard_fixture() {
    for (const auto& actor : {guard, other}) caf::anon_send_exit(actor, caf::exit_reason::kill);
    caf::anon_send_exit(redis_handle, caf::exit_reason::kill);
    settle();
  }

  guard_setup setup(std::shared_ptr<revocation_set> set) {
    guard_setup it;
    it.auth.signing_key.value = "a signing key of this test, 32 bytes or more";
    it.auth.lockout_attempts = 3;
    it.auth.lockout_address_attempts = 5;
    it.auth.lockout_window = 10min;
    it.auth.lockout_time = 1min;
    it.auth.lockout_longest = 4min;
    it.redis = redis_handle;
    it.status = status;
    it.revocations = std::move(set);
    it.metrics = &metrics;
    it.redis_requests = 10;
    return it;
  }

  /// Delivers every message there is, without moving the time.
  void settle() {
    while (sched.try_run_once()) {}
  }
  /// Moves the time in steps, as the guards' ticks re-arm themselves.
  void pass(std::chrono::milliseconds time) {
    for (; time > 0ms; time -= 250ms) {
      sched.advance_time(std::min<std::chrono::milliseconds>(time, 250ms));
      settle();
    }
  }

  /// A question whose answer comes into the box.
  template <class Answer, class Question>
  std::shared_ptr<std::optional<Answer>> send(const guard_service& to, Question question) {
    auto box = std::make_shared<std::optional<Answer>>();
    sys.spawn([=](caf::event_based_actor* client) {
      client->request(to, 1h, question).then([box](Answer& answer) { *box = std::move(answer); });
    });
    settle();
    return box;
  }
  template <class Answer, class Question>
  Answer ask(const guard_service& to, Question question) {
    auto box = send<Answer>(to, std::move(question));
    if (!*box) CAF_FAIL("no answer");
    return **box;
  }

  login_verdict may(const guard_service& at, const std::string& account,
                    const std::string& address = "10.0.0.1") {
    return ask<login_verdict>(at, check_login{account, address});
  }
  void failed(const guard_service& at, const std::string& account,
              const std::string& address = "10.0.0.1") {
    caf::anon_send(at, record_login{account, address, false});
    settle();
  }
  void succeeded(const guard_service& at, const std::string& account,
                 const std::string& address = "10.0.0.1") {
    caf::anon_send(at, record_login{account, address, true});
    settle();
  }
};

cached_response an_answer() {
  return {.request_hash = {1, 2, 3},
          .status = 201,
          .headers = {{"Location", "/v1/players/7"}, {"ETag", "\"1\""}},
          .body = R"({"id":"7"})"};
}

} // namespace

CAF_TEST_FIXTURE_SCOPE(guard_tests, guard_fixture)

CAF_TEST(failures at any node lock an account out at every node) {
  failed(guard, "ann", "10.0.0.1");
  failed(other, "ann", "10.0.0.2");
  CAF_CHECK(may(guard, "ann").allowed);
  failed(other, "ann", "10.0.0.3");
  for (const auto& node : {guard, other}) {
    CAF_CHECK(!may(node, "ann", "10.0.0.9").allowed);
    CAF_CHECK_EQUAL(may(node, "ann", "10.0.0.9").retry_after_s, 60u);
    CAF_CHECK(may(node, "bob", "10.0.0.9").allowed);
  }
  pass(60s);
  CAF_CHECK(may(guard, "ann").allowed);
  CAF_CHECK(may(other, "ann").allowed);
}

CAF_TEST(an address that guesses many accounts is locked out) {
  for (int i = 0; i < 5; ++i)
    failed(i % 2 ? guard : other, "user" + std::to_string(i), "192.0.2.1");
  CAF_CHECK(!may(guard, "anybody", "192.0.2.1").allowed);
  CAF_CHECK(!may(other, "anybody", "::ffff:192.0.2.1").allowed);
  CAF_CHECK(may(guard, "anybody", "192.0.2.2").allowed);
}

CAF_TEST(an IPv6 client cannot go on from another address of its network) {
  for (int i = 0; i < 5; ++i)
    failed(guard, "user" + std::to_string(i), "2001:db8:1:1::" + std::to_string(i));
  CAF_CHECK(!may(guard, "anybody", "2001:db8:1:1:ffff::1").allowed);
  CAF_CHECK(may(guard, "anybody", "2001:db8:1:2::1").allowed);
}

CAF_TEST(a success clears the failures of the account but not those of the address) {
  for (int i = 0; i < 4; ++i) {
    failed(guard, "ann", "10.0.0.1");
    succeeded(guard, "ann", "10.0.0.1");
  }
  CAF_CHECK(may(guard, "ann", "10.0.0.1").allowed);
  failed(guard, "ann", "10.0.0.1");
  CAF_CHECK(!may(guard, "bob", "10.0.0.1").allowed);
  CAF_CHECK(may(guard, "ann", "10.0.0.2").allowed);
}

CAF_TEST(lock outs grow) {
  for (const std::uint32_t expected : {60u, 120u, 240u, 240u}) {
    for (int i = 0; i < 3; ++i) failed(guard, "ann", "10.0.0." + std::to_string(i));
    CAF_CHECK_EQUAL(may(guard, "ann", "10.1.0.0").retry_after_s, expected);
    pass(1s * expected);
  }
}

CAF_TEST(failures that arrive while an account is locked prolong nothing) {
  for (int i = 0; i < 30; ++i) failed(guard, "ann", "10.0." + std::to_string(i) + ".1");
  CAF_CHECK_EQUAL(may(guard, "ann", "10.1.0.0").retry_after_s, 60u);
}

CAF_TEST(without Redis a node counts for itself) {
  status->set_up(false);
  for (int i = 0; i < 3; ++i) failed(guard, "ann", "10.0.0." + std::to_string(i));
  CAF_CHECK(!may(guard, "ann", "10.1.0.0").allowed);
  CAF_CHECK(may(other, "ann", "10.1.0.0").allowed);
  CAF_CHECK_EQUAL(redis.asked, 0);
}

CAF_TEST(what a node counted while Redis was there still counts when it is gone) {
  failed(guard, "ann");
  failed(guard, "ann");
  status->set_up(false);
  failed(guard, "ann");
  CAF_CHECK(!may(guard, "ann").allowed);
}

CAF_TEST(a Redis that refuses or never answers lets log ins through in time) {
  redis.refuses = true;
  CAF_CHECK(may(guard, "ann").allowed);
  redis.refuses = false;
  redis.silent = true;
  auto verdict = send<login_verdict>(guard, check_login{"ann", "10.0.0.1"});
  CAF_CHECK(!*verdict);
  pass(1s);
  CAF_REQUIRE(*verdict);
  CAF_CHECK((*verdict)->allowed);
}

CAF_TEST(questions to a silent Redis are bounded) {
  redis.silent = true;
  std::vector<std::shared_ptr<std::optional<login_verdict>>> verdicts;
  for (int i = 0; i < 30; ++i)
    verdicts.push_back(send<login_verdict>(guard, check_login{"ann", "10.0.0.1"}));
  CAF_CHECK_EQUAL(redis.asked, 10);
  int answered = 0;
  for (const auto& verdict : verdicts) answered += verdict->has_value() ? 1 : 0;
  CAF_CHECK_EQUAL(answered, 20);
  pass(1s);
  for (const auto& verdict : verdicts) CAF_CHECK(*verdict);
}

CAF_TEST(a revoked session is known here at once and shared) {
  const auto id = make_uuid_v7();
  caf::anon_send(guard, revoke_sessions{{id}});
  settle();
  CAF_CHECK(revocations->contains(id));
  CAF_CHECK_EQUAL(redis.revoked.size(), 1u);
  pass(15min);
  CAF_CHECK(revocations->contains(id)); // a node whose clock is behind may still take a token
  pass(2min);
  CAF_CHECK(!revocations->contains(id));
}

CAF_TEST(revocations of others are taken over when they are heard) {
  const auto id = make_uuid_v7();
  caf::anon_send(other, revocations_heard{{id}, 16min});
  settle();
  CAF_CHECK(other_revocations->contains(id));
}

CAF_TEST(a node that hears again loads what it missed as soon as Redis answers) {
  const auto id = make_uuid_v7();
  redis.revoked.push_back(id);
  redis.refuses = true;
  caf::anon_send(other, revocation_feed_restored{});
  settle();
  CAF_CHECK(!other_revocations->contains(id));
  redis.refuses = false;
  pass(1s);
  CAF_CHECK(other_revocations->contains(id));
  const auto asked = redis.asked;
  pass(5s);
  CAF_CHECK_EQUAL(redis.asked, asked); // once is enough
}

CAF_TEST(revocations that Redis did not take are shared when it is back) {
  const auto first = make_uuid_v7();
  const auto second = make_uuid_v7();
  redis.refuses = true;
  caf::anon_send(guard, revoke_sessions{{first}});
  settle();
  redis.refuses = false;
  status->set_up(false);
  caf::anon_send(guard, revoke_sessions{{second}});
  settle();
  pass(1s);
  CAF_CHECK(redis.revoked.empty());
  status->set_up(true);
  pass(1s);
  CAF_CHECK_EQUAL(redis.revoked.size(), 2u);
  pass(5s);
  CAF_CHECK_EQUAL(redis.revoked.size(), 2u);
}

CAF_TEST(a thousand revocations and more go out in parts) {
  std::vector<uuid> ids(2'500);
  for (auto& id : ids) id = make_uuid_v7();
  caf::anon_send(guard, revoke_sessions{ids});
  settle();
  CAF_CHECK_EQUAL(redis.revoked.size(), 2'500u);
  CAF_CHECK_EQUAL(redis.asked, 3);
}

CAF_TEST(nodes learn what others took of a bucket) {
  auto report = [&](const guard_service& node, std::uint32_t taken) {
    return ask<usage_elsewhere>(node, report_usage{{{"p:x", taken}}}).buckets;
  };
  CAF_CHECK(report(guard, 10).empty());
  CAF_CHECK(report(other, 5).empty()); // its first sight: nothing to compare with
  const auto of_other = report(guard, 3);
  CAF_REQUIRE_EQUAL(of_other.size(), 1u);
  CAF_CHECK_EQUAL(of_other[0].bucket, "p:x");
  CAF_CHECK_EQUAL(of_other[0].taken, 5u);
  const auto of_guard = report(other, 4);
  CAF_REQUIRE_EQUAL(of_guard.size(), 1u);
  CAF_CHECK_EQUAL(of_guard[0].taken, 3u);
  redis.usage.clear(); // Redis lost it
  CAF_CHECK(report(guard, 1).empty());
  status->set_up(false);
  CAF_CHECK(report(guard, 1).empty());
}

CAF_TEST(a report with nonsense does no harm) {
  report_usage report{{{"", 1}, {std::string(10'000, 'x'), 1}}};
  CAF_CHECK(ask<usage_elsewhere>(guard, report).buckets.empty());
  CAF_CHECK_EQUAL(redis.asked, 0);
  for (int i = 0; i < 5'000; ++i) report.buckets.push_back({"p:" + std::to_string(i), 1});
  ask<usage_elsewhere>(guard, report);
  CAF_CHECK(redis.usage.size() <= 256);
}

CAF_TEST(an answer that was kept is found by every node) {
  const auto op = make_uuid_v7();
  CAF_CHECK(!ask<found_response>(guard, find_response{op}).response);
  caf::anon_send(guard, keep_response{op, an_answer()});
  settle();
  const auto found = ask<found_response>(other, find_response{op}).response;
  CAF_REQUIRE(found);
  CAF_CHECK_EQUAL(found->status, 201);
  CAF_CHECK_EQUAL(found->body, an_answer().body);
  CAF_CHECK(found->headers == an_answer().headers);
  CAF_CHECK(found->request_hash == an_answer().request_hash);
}

CAF_TEST(without Redis no answer is kept and none is found and nobody waits) {
  status->set_up(false);
  const auto op = make_uuid_v7();
  caf::anon_send(guard, keep_response{op, an_answer()});
  settle();
  CAF_CHECK(!ask<found_response>(guard, find_response{op}).response);
  CAF_CHECK_EQUAL(redis.asked, 0);
}

CAF_TEST(answers that are too large are not kept and garbage is not found) {
  const auto op = make_uuid_v7();
  auto large = an_answer();
  large.body.assign(65 * 1024, 'x');
  caf::anon_send(guard, keep_response{op, large});
  settle();
  CAF_CHECK(redis.responses.empty());
  for (const std::string garbage : {"", "\xc1", "garbage", "\x81\xa6status\xa1x"}) {
    redis.responses[op] = garbage;
    const auto found = ask<found_response>(guard, find_response{op});
    CAF_CHECK(!found.response);
  }
}

CAF_TEST_FIXTURE_SCOPE_END()
