#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <list>
#include <optional>
#include <unordered_map>
#include <utility>

#include "base/error.hpp"

namespace troupe {

/// The hot state of one shard actor: values by key, bounded in bytes, least recently used leave
/// first. It also keeps the order of work on each key: while a key is being loaded or has a write in flight,
/// whoever wants it waits in line, so that a read never overtakes the write before it and two
/// commands never decide on the same state.
///
/// Owned by one actor and touched by no other thread. `Value` has `std::size_t bytes() const`.
template <class Key, class Value>
class hot_map {
public:
  using clock = std::chrono::steady_clock;
  /// Gets the value, nullptr when there is none in the storage either, or why it cannot be had.
  using waiter = std::move_only_function<void(result<Value*>)>;

  struct limits {
    std::size_t bytes = 1 << 20;      ///< of all values together
    std::size_t waiters_per_key = 64; ///< beyond: `overloaded`
    std::size_t waiters = 4096;       ///< over all keys; beyond: `overloaded`
  };

  explicit hot_map(limits bounds) : limits_(bounds) {}

  /// The value when it can be read at once: hot, and no write in flight.
  Value* peek(const Key& key) {
    auto found = slots_.find(key);
    if (found == slots_.end() || !found->second.idle() || !found->second.value) return nullptr;
    touch(found->second);
    return &*found->second.value;
  }

  /// Gives `key`'s value to `use`, at once or in turn. True when the caller has to load the key and
  /// report by `loaded` or `load_failed`.
  bool with(const Key& key, clock::time_point deadline, waiter use) {
    auto [found, is_new] = slots_.try_emplace(key);
    slot& s = found->second;
    if (is_new) {
      order_.push_front(key);
      s.position = order_.begin();
      s.loading = true;
    } else if (s.idle()) {
      touch(s);
      use(s.view());
      forget_if_idle(key); // an absent key that nobody writes is not worth its place
      return false;
    }
    if (s.waiting.size() >= limits_.waiters_per_key || waiting_ >= limits_.waiters) {
      use(fail(errc::overloaded));
      return false;
    }
    s.waiting.push_back({deadline, std::move(use)});
    ++waiting_;
    return is_new;
  }

  /// Ends the load of `key`; `value` is nullopt when the storage has no such row.
  void loaded(const Key& key, std::optional<Value> value) {
    auto found = slots_.find(key);
    if (found == slots_.end() || !found->second.loading) return;
    found->second.loading = false;
    found->second.value = std::move(value);
    account(found->second);
    serve(key);
    shrink();
  }

  void load_failed(const Key& key, const failure& why) {
    auto found = slots_.find(key);
    if (found == slots_.end() || !found->second.loading) return;
    auto waiting = std::exchange(found->second.waiting, {});
    waiting_ -= waiting.size();
    erase(found);
    for (auto& w : waiting) w.use(std::unexpected(why));
  }

  /// Others wait for `key` from now on. Only from within a `waiter` of that key.
  void begin_write(const Key& key) { slots_.at(key).writing = true; }

  /// The write ended without an effect.
  void end_write(const Key& key) {
    auto found = slots_.find(key);
    if (found == slots_.end()) return;
    found->second.writing = false;
    serve(key);
  }

  /// The write is durable: `change` brings the value, a `std::optional<Value>&`, up to date; an empty
  /// one means that the row is gone.
  template <class Change>
  void end_write(const Key& key, Change&& change) {
    auto found = slots_.find(key);
    if (found == slots_.end()) return;
    change(found->second.value);
    account(found->second);
    end_write(key);
    shrink();
  }

  /// The write ended, and nobody knows what the value is now. True when somebody waits for the key: then
  /// the caller has to load it.
  bool end_write_unknown(const Key& key) {
    auto found = slots_.find(key);
    if (found == slots_.end()) return false;
    slot& s = found->second;
    s.writing = false;
    s.value.reset();
    account(s);
    if (s.waiting.empty()) {
      erase(found);
      return false;
    }
    s.loading = true;
    return true;
  }

  /// Drops everything: another owner has the shard. Everybody in line is told `why`.
  void clear(const failure& why) {
    auto slots = std::exchange(slots_, {});
    order_.clear();
    bytes_ = 0;
    waiting_ = 0;
    for (auto& [key, s] : slots)
      for (auto& w : s.waiting) w.use(std::unexpected(why));
  }

  std::size_t bytes() const noexcept { return bytes_; }
  std::size_t size() const noexcept { return slots_.size(); }
  std::size_t waiting() const noexcept { return waiting_; }

private:
  struct line_place {
    clock::time_point deadline;
    waiter use;
  };

  struct slot {
    std::optional<Value> value;
    std::size_t value_bytes = 0;
    bool loading = false;
    bool writing = false;
    std::deque<line_place> waiting;
    typename std::list<Key>::iterator position;

    bool idle() const noexcept { return !loading && !writing && waiting.empty(); }
    Value* view() noexcept { return value ? &*value : nullptr; }
  };
  using slot_map = std::unordered_map<Key, slot>;

  // What a slot, its place in the order and the tables cost besides the value itself.
  static constexpr std::size_t slot_overhead = sizeof(slot) + 2 * sizeof(Key) + 64;

  void touch(slot& s) { order_.splice(order_.begin(), order_, s.position); }

  void account(slot& s) {
    bytes_ -= s.value_bytes;
    s.value_bytes = s.value ? s.value->bytes() + slot_overhead : 0;
    bytes_ += s.value_bytes;
  }

  /// Lets those in line have the key until one of them starts a write. A waiter may change the map.
  void serve(const Key& key) {
    for (;;) {
      auto found = slots_.find(key);
      if (found == slots_.end() || found->second.loading || found->second.writing) return;
      slot& s = found->second;
      if (s.waiting.empty()) break;
      auto next = std::move(s.waiting.front());
      s.waiting.pop_front();
      --waiting_;
      if (next.deadline <= clock::now())
        next.use(fail(errc::timed_out));
      else
        next.use(s.view());
    }
    forget_if_idle(key);
  }

  void forget_if_idle(const Key& key) {
    auto found = slots_.find(key);
    if (found != slots_.end() && found->second.idle() && !found->second.value) erase(found);
  }

  void shrink() {
    auto at = order_.end();
    while (bytes_ > limits_.bytes && at != order_.begin()) {
      --at;
      auto found = slots_.find(*at);
      if (!found->second.idle()) continue;
      ++at; // erase takes the one before it out of the order
      erase(found);
    }
  }

  void erase(typename slot_map::iterator found) {
    bytes_ -= found->second.value_bytes;
    order_.erase(found->second.position);
    slots_.erase(found);
  }

  limits limits_;
  slot_map slots_;
  std::list<Key> order_; ///< most recently used first
  std::size_t bytes_ = 0;
  std::size_t waiting_ = 0;
};

} // namespace troupe
