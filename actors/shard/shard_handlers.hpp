#pragma once

#include <caf/all.hpp>
#include <utility>

#include "actors/shard/shard_core.hpp"

// What the behaviour of every shard actor is made of. `Shard` is the family's class: it has `core()` and
// `self()`.

namespace troupe {

/// Answers a request by `work(reply<R>)` as soon as the shard serves, or with the reason why it does not.
template <class R, class Shard, class Work>
caf::result<R> admitted(Shard& shard, const call& c, Work work) {
  auto promise = shard.self()->template make_response_promise<R>();
  reply<R> answer{promise};
  shard.core().admit(
    c, [work = std::move(work), answer]() mutable { work(answer); },
    [answer](const failure& why) mutable { answer(why); });
  return promise;
}

// The handlers for `shard_actor`, in the order of its declaration; each only dispatches into the core.

template <class Shard>
auto on_write_receipts(Shard& shard) {
  return [&shard](write_receipts& m) { shard.core().on(m); };
}
template <class Shard>
auto on_acquire_receipt(Shard& shard) {
  return [&shard](const acquire_receipt& m) { shard.core().on(m); };
}
template <class Shard>
auto on_tenure_lost(Shard& shard) {
  return [&shard](const tenure_lost& m) { shard.core().on(m); };
}
template <class Shard>
auto on_load_receipts(Shard& shard) {
  return [&shard](load_receipts& m) { shard.core().on(m); };
}
template <class Shard>
auto on_release_shard(Shard& shard) {
  return [&shard](const release_shard& m) -> caf::result<shard_released> {
    auto promise = shard.self()->template make_response_promise<shard_released>();
    shard.core().on(m, reply<shard_released>{promise});
    return promise;
  };
}

template <class Shard>
auto on_acquire_shard(Shard& shard) {
  return [&shard](const acquire_shard& m) { shard.core().on(m); };
}

} // namespace troupe
