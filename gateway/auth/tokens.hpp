#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "actors/api/revocation.hpp"
#include "base/error.hpp"
#include "base/timestamp.hpp"
#include "base/uuid.hpp"
#include "gateway/auth/principal.hpp"
#include "persistence/records.hpp"

// Access tokens are JWTs that every node can check by itself; refresh tokens are random and known
// to the account's shard only, hashed. docs/adr/0010 and 0011 say why.

namespace troupe {
struct auth_settings;
}

namespace troupe::gateway {

// -- access tokens --------------------------------------------------------------------------------

/// An access token that passed every check that does not change any more.
struct verified_token {
  principal who;
  std::chrono::seconds remaining{0}; ///< until it expires, the tolerated clock skew included
};

/// Signs and checks access tokens: JWT, HS256 and nothing else. Holds the keys. Immutable, so every
/// thread may use it; one per process.
class token_authority {
public:
  /// The configuration guarantees a signing key of at least 32 bytes.
  explicit token_authority(const auth_settings& settings);

  /// A new token for `who`, valid from `now` for `lifetime()`. Errors: `internal`.
  result<std::string> issue(const principal& who, timestamp now) const;

  /// Checks signature, issuer, times and the shape of every claim; about 10 us, and any bytes will
  /// do. Errors: `invalid_token`, with a detail that a client may see.
  result<verified_token> check(std::string_view token, timestamp now) const;

  std::chrono::seconds lifetime() const noexcept { return lifetime_; }

private:
  std::string key_;
  std::string previous_key_; ///< empty: none
  std::string issuer_;
  std::chrono::seconds lifetime_;
};

/// Checks the access token of each request: a token that was checked before costs one hash look-up.
/// One per gateway thread, and only for that thread. Holds at most `cache_entries` tokens.
class token_verifier {
public:
  using clock = std::chrono::steady_clock;

  /// All outlive it. `wall_clock` is read only for tokens not seen before.
  token_verifier(const token_authority& authority, const revocation_set& revocations,
                 std::size_t cache_entries = 32'768, timestamp (*wall_clock)() = &troupe::now);

  /// Who sent `token`. Errors: `invalid_token`, also for a revoked one.
  result<principal> verify(std::string_view token, clock::time_point now);

  std::uint64_t hits() const noexcept { return hits_; }
  std::uint64_t misses() const noexcept { return misses_; }
  std::size_t cached() const noexcept { return young_.size() + old_.size(); }

private:
  struct entry {
    principal who;
    clock::time_point expires_at; ///< by the monotonic clock: a set wall clock prolongs no token
    std::uint64_t checked_at;     ///< the generation of the revocations it was last looked up in
  };
  struct token_hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view token) const noexcept;
  };
  struct token_equal {
    using is_transparent = void;
    bool operator()(std::string_view a, std::string_view b) const noexcept;
  };
  using table = std::unordered_map<std::string, entry, token_hash, token_equal>;

  entry* find(std::string_view token);
  void keep(std::string token, entry value);

  const token_authority& authority_;
  const revocation_set& revocations_;
  std::size_t half_;
  timestamp (*wall_clock_)();
  table young_; ///< when it is full it becomes `old_`, whose tokens are forgotten unless used again
  table old_;
  std::uint64_t hits_ = 0;
  std::uint64_t misses_ = 0;
};

// -- refresh tokens -------------------------------------------------------------------------------

/// A refresh token names its session, so that it finds its shard, and proves itself by a secret.
struct refresh_token {
  account_ref account;
  uuid session_id;
  std::array<std::uint8_t, 32> secret{};

  bool operator==(const refresh_token&) const = default;
};

/// What the client gets: base64url without padding over `{kind, account id, session id, secret}`,
/// 87 characters.
std::string encode(const refresh_token& token);

/// Nothing for any other text.
std::optional<refresh_token> parse_refresh_token(std::string_view text) noexcept;

/// What the database keeps: BLAKE2b-256 over the token's 65 bytes.
digest hash_of(const refresh_token& token) noexcept;

/// Makes refresh tokens. Immutable; every thread may use it; one per process.
class refresh_token_source {
public:
  /// Derives its own key from the signing key.
  explicit refresh_token_source(const auth_settings& settings);

  /// With a secret nobody can guess.
  refresh_token make(const account_ref& account, const uuid& session_id) const noexcept;

  /// For a request with an Idempotency-Key: the secret is a keyed hash of the operation, so that
  /// its replay gives the same token although only its hash was stored.
  refresh_token derive(const account_ref& account, const uuid& session_id,
                       const uuid& op_id) const noexcept;

private:
  std::array<std::uint8_t, 32> key_{};
};

} // namespace troupe::gateway
