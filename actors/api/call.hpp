#pragma once

#include <chrono>
#include <cstdint>

#include "base/uuid.hpp"
#include "persistence/records.hpp"

namespace troupe {

/// What travels with every request to a shard actor.
struct call {
  uuid op_id; ///< the client's Idempotency-Key bound to its principal, or one the gateway made
  digest request_hash{}; ///< keyed hash of the request; all zero when the client sent no key
  std::chrono::steady_clock::time_point deadline; ///< work past it is dropped before it is done
  uuid request_id;                                ///< for logs
  bool again = false; ///< an earlier attempt with the same `op_id` may have been carried out

  /// Whether the client named this operation, so that an answer may already be stored for it.
  bool keyed() const noexcept { return request_hash != digest{}; }
  /// Whether an answer may already be stored for it.
  bool repeated() const noexcept { return keyed() || again; }
  bool expired() const noexcept { return std::chrono::steady_clock::now() >= deadline; }
};

/// The answer to a command: of this execution, or the stored one of an earlier.
template <class T>
struct outcome {
  T value;
  bool replayed = false;
};

} // namespace troupe
