#include "actors/guard/guard.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <cstring>
#include <deque>
#include <functional>
#include <optional>
#include <sodium.h>
#include <unordered_map>

#include "actors/guard/lockout_book.hpp"
#include "base/log.hpp"
#include "base/msgpack.hpp"

namespace troupe {

namespace {

using std::chrono::milliseconds;
using clock = std::chrono::steady_clock;

constexpr std::string_view component = "guard";
constexpr milliseconds tick{250};
/// A token may be accepted this long after its expiry, on a node whose clock is behind.
constexpr milliseconds clock_skew{60'000};
constexpr milliseconds lock_memory{std::chrono::hours{24}};
constexpr milliseconds response_lifetime{std::chrono::hours{24}};
constexpr std::size_t revocations_at_once = 1'000;
constexpr std::size_t buckets_at_once = 256;
constexpr std::size_t bucket_name_limit = 64;

prometheus::Counter& counter(metric_registry& metrics, const char* name, const char* help,
                             const prometheus::Labels& labels) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(metrics).Add(labels);
}

struct guard_probe {
  explicit guard_probe(metric_registry& m)
    : login_failures(counter(m, "troupe_login_failures_total", "Log-ins that failed", {})),
      account_locks(lockouts(m, "account")),
      address_locks(lockouts(m, "address")),
      denied(counter(m, "troupe_logins_denied_total", "Log-ins refused by a lock-out", {})),
      revocations(prometheus::BuildGauge()
                    .Name("troupe_revoked_sessions")
                    .Help("Sessions whose access tokens are refused before they expire")
                    .Register(m)
                    .Add({})),
      unshared(counter(m, "troupe_revocations_unshared_total",
                       "Revocations other nodes were never told of", {})),
      cache_hits(cache(m, "hit")),
      cache_misses(cache(m, "miss")),
      cache_skips(cache(m, "skipped")),
      degraded(counter(m, "troupe_guard_degraded_total",
                       "Questions answered from this node's knowledge alone", {})) {}

  static prometheus::Counter& lockouts(metric_registry& m, const char* subject) {
    return counter(m, "troupe_lockouts_total", "Lock-outs that began on this node",
                   {{"subject", subject}});
  }
  static prometheus::Counter& cache(metric_registry& m, const char* outcome) {
    return counter(m, "troupe_response_cache_total", "Look-ups of answers kept for replays",
                   {{"outcome", outcome}});
  }

  prometheus::Counter& login_failures;
  prometheus::Counter& account_locks;
  prometheus::Counter& address_locks;
  prometheus::Counter& denied;
  prometheus::Gauge& revocations;
  prometheus::Counter& unshared;
  prometheus::Counter& cache_hits;
  prometheus::Counter& cache_misses;
  prometheus::Counter& cache_skips;
  prometheus::Counter& degraded;
};

/// Names and addresses become lock subjects by a hash that all nodes of a cluster share.
class subject_hasher {
public:
  explicit subject_hasher(const std::string& signing_key) {
    constexpr std::string_view purpose = "troupe lock-out subjects";
    crypto_generichash_state state;
    crypto_generichash_init(&state, nullptr, 0, key_.size());
    update(state, purpose);
    update(state, signing_key);
    crypto_generichash_final(&state, key_.data(), key_.size());
  }

  lock_subject account(std::string_view name) const { return hash("account", name); }

  /// IPv6 addresses by their /64: one client has all of it.
  lock_subject address(const std::string& text) const {
    std::array<unsigned char, 16> bytes{};
    if (inet_pton(AF_INET6, text.c_str(), bytes.data()) == 1) {
      constexpr std::array<unsigned char, 12> v4_mapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
      if (std::memcmp(bytes.data(), v4_mapped.data(), v4_mapped.size()) == 0) {
        std::array<char, INET_ADDRSTRLEN> v4{};
        inet_ntop(AF_INET, &bytes[12], v4.data(), v4.size());
        return hash("address", v4.data());
      }
      return hash("address", {reinterpret_cast<const char*>(bytes.data()), 8});
    }
    return hash("address", text);
  }

private:
  static void update(crypto_generichash_state& state, std::string_view bytes) {
    crypto_generichash_update(&state, reinterpret_cast<const unsigned char*>(bytes.data()),
                              bytes.size());
  }

  lock_subject hash(std::string_view kind, std::string_view text) const {
    lock_subject subject;
    crypto_generichash_state state;
    crypto_generichash_init(&state, key_.data(), key_.size(), subject.size());
    update(state, kind);
    update(state, std::string_view{"\0", 1});
    update(state, text);
    crypto_generichash_final(&state, subject.data(), subject.size());
    return subject;
  }

  std::array<unsigned char, crypto_generichash_KEYBYTES> key_{};
};

login_verdict verdict(milliseconds left) {
  if (left <= milliseconds{0}) return {};
  return {.allowed = false,
          .retry_after_s = static_cast<std::uint32_t>(
            std::chrono::ceil<std::chrono::seconds>(left).count())};
}

struct guard_state {
  using pointer = guard_service::pointer;
  using continuation = std::move_only_function<void(redis_receipt&)>;

  guard_state(pointer self, guard_setup setup)
    : self_(self),
      setup_(std::move(setup)),
      probe_(*setup_.metrics),
      subjects_(setup_.auth.signing_key.value),
      book_(setup_.lockout_subjects) {
    self_->delayed_send(self_, tick, caf::tick_atom_v);
  }

  // -- log-ins -----------------------------------------------------------------------------------

  caf::result<login_verdict> check(const check_login& question) {
    const auto account = subjects_.account(question.account);
    const auto address = subjects_.address(question.address);
    const auto now = time();
    if (const auto left = std::max(book_.left(account, now), book_.left(address, now));
        left > milliseconds{0}) {
      probe_.denied.Increment();
      return verdict(left);
    }
    if (!redis_usable()) {
      probe_.degraded.Increment();
      return login_verdict{};
    }
    auto promise = self_->make_response_promise<login_verdict>();
    ask(read_locks{{account, address}}, [this, promise](redis_receipt& receipt) mutable {
      const auto* found = std::get_if<lock_left>(&receipt.answer);
      if (found == nullptr) probe_.degraded.Increment();
      const auto said = verdict(found != nullptr ? found->time : milliseconds{0});
      if (!said.allowed) probe_.denied.Increment();
      promise.deliver(said);
    });
    return promise;
  }

  void record(const record_login& login) {
    const auto account = subjects_.account(login.account);
    if (login.succeeded) {
      // The address keeps its count, or a guesser would clear it by his own account now and then.
      book_.clear_failures(account);
      if (redis_usable()) ask(clear_failures{account}, [](redis_receipt&) {});
      return;
    }
    probe_.login_failures.Increment();
    count(rule(account, setup_.auth.lockout_attempts), probe_.account_locks, "account");
    count(rule(subjects_.address(login.address), setup_.auth.lockout_address_attempts),
          probe_.address_locks, "address");
  }

  // -- revocations -------------------------------------------------------------------------------

  void revoke(const std::vector<uuid>& session_ids) {
    setup_.revocations->add(session_ids, time() + revocation_lifetime());
    share(session_ids);
  }

  void hear(const revocations_heard& heard) {
    setup_.revocations->add(
      heard.session_ids, time() + std::min(heard.lifetime, milliseconds{std::chrono::hours{25}}));
  }

  void feed_restored() {
    must_load_ = true;
    load();
  }

  // -- rate limits -------------------------------------------------------------------------------

  caf::result<usage_elsewhere> exchange(report_usage& report) {
    if (!redis_usable()) return usage_elsewhere{};
    std::erase_if(report.buckets, [](const bucket_usage& usage) {
      return usage.bucket.empty() || usage.bucket.size() > bucket_name_limit;
    });
    if (report.buckets.size() > buckets_at_once) report.buckets.resize(buckets_at_once);
    if (report.buckets.empty()) return usage_elsewhere{};
    add_usage operation;
    for (const auto& usage : report.buckets)
      operation.buckets.emplace_back(usage.bucket, usage.taken);
    auto promise = self_->make_response_promise<usage_elsewhere>();
    ask(std::move(operation),
        [this, promise, buckets = std::move(report.buckets)](redis_receipt& receipt) mutable {
          const auto* found = std::get_if<usage_totals>(&receipt.answer);
          promise.deliver(found != nullptr ? elsewhere(buckets, found->totals) : usage_elsewhere{});
        });
    return promise;
  }

  // -- response cache ----------------------------------------------------------------------------

  caf::result<found_response> find(const find_response& question) {
    if (!redis_usable()) {
      probe_.cache_skips.Increment();
      return found_response{};
    }
    auto promise = self_->make_response_promise<found_response>();
    ask(fetch_response{question.op_id}, [this, promise](redis_receipt& receipt) mutable {
      found_response found;
      if (const auto* kept = std::get_if<kept_response>(&receipt.answer); kept && kept->bytes)
        if (auto read = from_msgpack<cached_response>(*kept->bytes))
          found.response = std::move(*read);
      (found.response ? probe_.cache_hits : probe_.cache_misses).Increment();
      promise.deliver(std::move(found));
    });
    return promise;
  }

  void keep(const keep_response& answer) {
    if (answer.response.body.size() > setup_.response_limit.bytes || !redis_usable()) return;
    auto bytes = to_msgpack(answer.response);
    if (bytes.size() > setup_.response_limit.bytes) return;
    ask(store_response{answer.op_id, std::move(bytes), response_lifetime}, [](redis_receipt&) {});
  }

  // -- Redis and time ----------------------------------------------------------------------------

  void settle(redis_receipts& receipts) {
    for (auto& receipt : receipts.items) {
      auto found = pending_.extract(receipt.ticket);
      if (!found.empty()) found.mapped().then(receipt); // else it came too late
    }
  }

  void look_around() {
    self_->delayed_send(self_, tick, caf::tick_atom_v);
    const auto now = time();
    // The Redis actor answers in time; this is for the case that it has died.
    for (auto it = pending_.begin(); it != pending_.end();) {
      if (it->second.deadline > now) {
        ++it;
        continue;
      }
      auto then = std::move(it->second.then);
      it = pending_.erase(it);
      redis_receipt late{.ticket = 0, .answer = {}, .why = {errc::timed_out, {}, {}, {}}};
      then(late);
    }
    setup_.revocations->forget_expired(now);
    probe_.revocations.Set(static_cast<double>(setup_.revocations->size()));
    std::erase_if(
      totals_, [now](const auto& item) { return now - item.second.at > std::chrono::seconds{10}; });
    while (!unshared_.empty() && unshared_.front().second <= now) unshared_.pop_front();
    if (must_load_) load();
    if (!unshared_.empty() && redis_usable()) {
      std::vector<uuid> again;
      for (const auto& [id, until] : std::exchange(unshared_, {})) again.push_back(id);
      share(again);
    }
  }

private:
  struct pending {
    clock::time_point deadline;
    continuation then;
  };
  struct bucket_total {
    std::uint64_t total = 0;
    clock::time_point at;
  };

  clock::time_point time() const { return self_->clock().now(); }

  milliseconds revocation_lifetime() const {
    return setup_.auth.access_token_lifetime + clock_skew;
  }

  bool redis_usable() const {
    return setup_.redis && setup_.status->up() && pending_.size() < setup_.redis_requests;
  }

  /// Call only when `redis_usable()`. `then` runs once, with an error at the latest a few ticks
  /// after the time-out.
  void ask(redis_operation operation, continuation then) {
    const auto ticket = ++last_ticket_;
    pending_.emplace(ticket, pending{time() + 2 * setup_.redis_timeout, std::move(then)});
    self_->send(setup_.redis, redis_request{ticket, std::move(operation), redis_client{self_}});
  }

  lock_rule rule(const lock_subject& subject, std::uint32_t attempts) const {
    return {.subject = subject,
            .attempts = attempts,
            .window = setup_.auth.lockout_window,
            .lock_time = setup_.auth.lockout_time,
            .longest = setup_.auth.lockout_longest,
            .memory = std::max(lock_memory, 2 * setup_.auth.lockout_longest)};
  }

  /// Counts a failure here, and in Redis for all nodes; the longer lock counts.
  void count(const lock_rule& it, prometheus::Counter& locks, std::string_view what) {
    if (it.attempts == 0) return;
    const auto now = time();
    if (book_.left(it.subject, now) > milliseconds{0}) return; // was under way when it was locked
    const auto here = book_.count_failure(it, now);
    if (here > milliseconds{0}) tell_lock(here, locks, what);
    if (!redis_usable()) return;
    ask(count_failure{{it}},
        [this, here, &locks, what, subject = it.subject](redis_receipt& receipt) {
          const auto* found = std::get_if<lock_left>(&receipt.answer);
          if (found == nullptr || found->time <= milliseconds{0}) return;
          if (here <= milliseconds{0}) tell_lock(found->time, locks, what);
          book_.lock(subject, found->time, time());
        });
  }

  static void tell_lock(milliseconds left, prometheus::Counter& locks, std::string_view what) {
    locks.Increment();
    log::warn(component, "locked_out", {{"subject", what}, {"for_ms", left.count()}});
  }

  void share(const std::vector<uuid>& session_ids) {
    if (!setup_.redis) return;
    for (std::size_t at = 0; at < session_ids.size(); at += revocations_at_once) {
      const auto end = std::min(session_ids.size(), at + revocations_at_once);
      std::vector<uuid> some(session_ids.begin() + static_cast<std::ptrdiff_t>(at),
                             session_ids.begin() + static_cast<std::ptrdiff_t>(end));
      if (!redis_usable()) {
        share_later(some);
        continue;
      }
      ask(share_revocations{some, revocation_lifetime()}, [this, some](redis_receipt& receipt) {
        if (receipt.why.code != errc::none) share_later(some);
      });
    }
  }

  void share_later(const std::vector<uuid>& session_ids) {
    for (const auto& id : session_ids) {
      if (unshared_.size() >= setup_.unshared_limit) {
        unshared_.pop_front();
        probe_.unshared.Increment();
      }
      unshared_.emplace_back(id, time() + revocation_lifetime());
    }
  }

  void load() {
    if (loading_ || !redis_usable()) return; // the next tick tries again
    loading_ = true;
    ask(load_revocations{}, [this](redis_receipt& receipt) {
      loading_ = false;
      const auto* found = std::get_if<shared_revocations>(&receipt.answer);
      if (found == nullptr) return;
      must_load_ = false;
      const auto now = time();
      std::size_t added = 0;
      for (const auto& [id, left] : found->items)
        added += setup_.revocations->add({&id, 1}, now + left);
      log::info(component, "revocations_loaded",
                {{"found", found->items.size()}, {"added", added}});
    });
  }

  /// What the totals grew by besides this node's share since it last saw them.
  usage_elsewhere elsewhere(const std::vector<bucket_usage>& buckets,
                            const std::vector<std::uint64_t>& totals) {
    usage_elsewhere others;
    const auto now = time();
    for (std::size_t i = 0; i < std::min(buckets.size(), totals.size()); ++i) {
      const auto& [name, taken] = buckets[i];
      const auto found = totals_.find(name);
      // Without a number to compare with, what others took before is unknown: it is forgiven. A
      // total that is too small was started again by Redis.
      if (found != totals_.end() && totals[i] > found->second.total + taken) {
        const auto more = totals[i] - found->second.total - taken;
        others.buckets.push_back(
          {name, static_cast<std::uint32_t>(std::min<std::uint64_t>(more, ~0u))});
      }
      totals_[name] = {totals[i], now};
    }
    return others;
  }

  pointer self_;
  guard_setup setup_;
  guard_probe probe_;
  subject_hasher subjects_;
  lockout_book book_;
  std::unordered_map<std::uint64_t, pending> pending_; ///< at most `redis_requests`
  std::uint64_t last_ticket_ = 0;
  std::unordered_map<std::string, bucket_total> totals_; ///< of buckets reported within 10 s
  std::deque<std::pair<uuid, clock::time_point>> unshared_;
  bool must_load_ = false;
  bool loading_ = false;
};

guard_service::behavior_type guard_behavior(
  guard_service::stateful_pointer<std::unique_ptr<guard_state>> self, guard_setup setup) {
  self->state = std::make_unique<guard_state>(self, std::move(setup));
  return {
    [self](const check_login& question) { return self->state->check(question); },
    [self](const record_login& login) { self->state->record(login); },
    [self](const revoke_sessions& order) { self->state->revoke(order.session_ids); },
    [self](report_usage& report) { return self->state->exchange(report); },
    [self](const find_response& question) { return self->state->find(question); },
    [self](const keep_response& answer) { self->state->keep(answer); },
    [self](redis_receipts& receipts) { self->state->settle(receipts); },
    [self](const revocations_heard& heard) { self->state->hear(heard); },
    [self](const revocation_feed_restored&) { self->state->feed_restored(); },
    [self](caf::tick_atom) { self->state->look_around(); },
  };
}

} // namespace

guard_service spawn_guard(caf::actor_system& system, guard_setup setup) {
  return system.spawn(guard_behavior, std::move(setup));
}

} // namespace troupe
