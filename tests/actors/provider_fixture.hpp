#pragma once

#include "tests/actors/shard_fixture.hpp"

#include <string>
#include <utility>
#include <vector>

#include "actors/provider/provider_shard.hpp"

namespace troupe::test {

using namespace std::chrono_literals;

/// One shard of providers whose fetches are played by the test: it has the orders and says what fetchers say.
struct provider_fixture : shard_fixture {
  struct started_fetch {
    fetch_order order;
    fetch_listener listener;
  };
  using seen_answer = outcome<provider_seen>;
  using stored_answer = outcome<events_stored>;
  template <class R>
  using box = std::shared_ptr<answer_box<R>>;

  static constexpr shard_ref ref{family::provider, 0};
  static constexpr auto look_interval = 500ms;

  shard_board::entry entry;
  provider_shard_actor providers;
  std::vector<started_fetch> fetches;
  bool room = true;        ///< for one more fetch
  std::size_t changes = 0; ///< calls of `on_change`
  metric_registry metrics;

  provider_fixture() {
    incarnation.bytes.fill(7); // back-offs are chosen by it
    lease.extend(node_lease::clock::time_point::max());
    // Deadlines of calls are looked at by the machine's clock, too, which the virtual one runs ahead of.
    sched.advance_time(std::chrono::steady_clock::now() - time());
    spawn();
  }

  ~provider_fixture() { kill(); }

  std::chrono::steady_clock::time_point time() { return sched.clock().now(); }

  /// A new actor over the tables as they are, which serves at once.
  void spawn() {
    provider_dependencies dependencies;
    dependencies.start_fetch = [this](fetch_order order, fetch_listener listener) {
      if (room) fetches.push_back({std::move(order), std::move(listener)});
      return room;
    };
    dependencies.on_change = [this] { ++changes; };
    dependencies.metrics = &metrics;
    providers = spawn_provider_shard(sys, {ref, incarnation, &entry, &lease}, dependencies);
    serve();
  }

  void serve() {
    caf::anon_send(providers, acquire_shard{tables.epochs[ref], storage});
    settle();
    CAF_REQUIRE_EQUAL(entry.state.load(), shard_state::active);
  }

  void kill() {
    caf::anon_send_exit(providers, caf::exit_reason::kill);
    settle();
    fetches.clear();
    entry.state = shard_state::unowned;
  }

  /// Lets time pass, at least so much that the shard looks for what is due at the end of it.
  void pass(std::chrono::milliseconds span) {
    CAF_REQUIRE(span >= look_interval);
    sched.advance_time(span);
    settle();
  }
  void look() { pass(look_interval); }

  /// Lets units be stored that were held.
  void store_held() {
    tables.hold = false;
    tables.release_held();
    settle();
  }

  /// Another node takes the shard; the next write finds out.
  void take_away() { ++tables.epochs[ref]; }

  box<shard_released> release() { return post<shard_released>(providers, release_shard{}); }

  // -- what clients say -----------------------------------------------------------------------------

  uuid create(std::chrono::seconds interval, bool paused = false) {
    create_provider wanted{make_uuid_v7(), "Acme", "http://feeds.example/events", {}, 0,
                           "UTC",          paused};
    wanted.interval_s = static_cast<std::uint32_t>(interval.count());
    CAF_REQUIRE(ask<seen_answer>(providers, fresh_call(), wanted).value);
    return wanted.id;
  }

  /// A provider whose first fetch has started, as the last of `fetches`.
  uuid create_fetched(std::chrono::seconds interval) {
    const auto id = create(interval);
    const auto before = fetches.size();
    look();
    CAF_REQUIRE_EQUAL(fetches.size(), before + 1);
    return id;
  }

  void change_interval(const uuid& id, std::chrono::seconds interval) {
    change_provider wanted;
    wanted.id = id;
    wanted.interval_s = static_cast<std::uint32_t>(interval.count());
    send<seen_answer>(providers, fresh_call(), wanted);
    settle();
  }

  void remove(const uuid& id) {
    CAF_REQUIRE(
      (ask<outcome<provider_deleted>>(providers, fresh_call(), delete_provider{id, {}}).value));
  }

  provider_seen see(const uuid& id) {
    auto answer = ask<provider_seen>(providers, fresh_call(), read_provider{id});
    CAF_REQUIRE(answer.value);
    return *answer.value;
  }

  std::vector<rejected_event> rejects_of(const uuid& id) {
    auto answer = ask<provider_rejects>(providers, fresh_call(), read_rejects{id});
    CAF_REQUIRE(answer.value);
    return answer.value->items;
  }

  /// Asks for a fetch, or joins the one that runs.
  box<provider_seen> join(const uuid& id, const call& c = fresh_call()) {
    auto answer = send<provider_seen>(providers, c, fetch_provider{id});
    settle();
    return answer;
  }

  // -- what fetchers say ----------------------------------------------------------------------------

  template <class R, class Actor, class Message>
  box<R> post(const Actor& to, Message message) {
    auto answer = std::make_shared<answer_box<R>>();
    sys.spawn([=](caf::event_based_actor* sender) {
      sender->request(to, 1h, message)
        .then([answer](R& r) { answer->value = std::move(r); },
              [answer](caf::error& e) { answer->why = from_caf_error(e); });
    });
    settle();
    return answer;
  }

  /// `message` as of that fetch.
  template <class R, class Message>
  box<R> say(const started_fetch& fetch, Message message) {
    message.provider_id = fetch.order.provider_id;
    message.fetch = fetch.order.number;
    return post<R>(fetch.listener, std::move(message));
  }

  static feed_event event(const std::string& id, bool online = true) {
    feed_event it;
    it.base_id = "base";
    it.id = id;
    it.title = "Title";
    it.online = online;
    it.starts_at = local_time{std::chrono::hours(24)};
    it.ends_at = local_time{std::chrono::hours(26)};
    it.zones = {{"zone", "Stalls", 10, {200'000}, false}};
    return it;
  }

  box<stored_answer> store(const started_fetch& fetch, std::vector<feed_event> events,
                           std::vector<rejected_event> rejects = {}) {
    return say<stored_answer>(fetch, store_events{{}, 0, std::move(events), std::move(rejects)});
  }

  /// How many changed; the storage must take them.
  std::uint32_t stored(const started_fetch& fetch, std::vector<feed_event> events,
                       std::vector<rejected_event> rejects = {}) {
    auto answer = store(fetch, std::move(events), std::move(rejects));
    CAF_REQUIRE(answer->value);
    return answer->value->value.changed;
  }

  box<stored_answer> drop(const started_fetch& fetch) {
    return say<stored_answer>(fetch, drop_missing{});
  }

  box<stored_answer> keep(const started_fetch& fetch, std::int32_t place, std::string bytes) {
    return say<stored_answer>(fetch, keep_answer{{}, 0, place, std::move(bytes)});
  }

  /// Without a failure: it succeeded.
  box<seen_answer> end(const started_fetch& fetch, const std::string& failure = {},
                       std::optional<std::chrono::seconds> retry_after = {}) {
    end_fetch how;
    how.failure = failure;
    how.retry_after = retry_after;
    return say<seen_answer>(fetch, how);
  }
};

/// Whether it was refused for that reason.
template <class R>
bool refused(const answer_box<R>& answer, errc code) {
  return answer.why && answer.why->code == code;
}

} // namespace troupe::test
