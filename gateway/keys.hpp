#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "base/uuid.hpp"
#include "persistence/records.hpp"

namespace troupe::gateway {

/// Keyed hashes of the gateway: of requests, whose bodies may hold passwords, and of cursors. The
/// key is derived from the signing key, so that every node of a cluster has the same. Immutable;
/// any thread.
class gateway_keys {
public:
  explicit gateway_keys(std::string_view signing_key);

  /// The operation a client names by `idempotency_key`: BLAKE2b-128 over the principal and the key,
  /// shaped as a UUID (version 8). Nil for a principal that is not logged in.
  uuid operation_id(const uuid& principal, std::string_view idempotency_key) const;

  /// BLAKE2b-256 over method, target and body. Never all zero.
  digest request_hash(std::string_view method, std::string_view target,
                      std::string_view body) const;

  /// A short tag over a cursor's content and what it is bound to.
  std::array<std::uint8_t, 12> cursor_tag(std::string_view bound_to,
                                          std::string_view content) const;

private:
  std::array<unsigned char, 32> request_key_{};
  std::array<unsigned char, 32> cursor_key_{};
};

} // namespace troupe::gateway
