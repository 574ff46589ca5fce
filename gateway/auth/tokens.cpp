#include "gateway/auth/tokens.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <jwt.h>
#include <memory>
#include <sodium.h>
#include <string>

#include "config/settings.hpp"

namespace troupe::gateway {

namespace {

using std::chrono::seconds;

/// No token of ours is longer; past it nothing is even parsed.
constexpr std::size_t token_limit = 1'024;
/// How far the clocks of two nodes may be apart.
constexpr std::int64_t clock_skew_s = 60;
constexpr std::size_t signature_size = 43; ///< 32 bytes in base64url

struct jwt_deleter {
  void operator()(jwt_t* token) const noexcept { jwt_free(token); }
};
using jwt_ptr = std::unique_ptr<jwt_t, jwt_deleter>;

std::int64_t unix_seconds(timestamp t) { return t.unix_ms / 1000; }

std::unexpected<failure> refused(std::string detail) {
  return fail(errc::invalid_token, std::move(detail));
}

const unsigned char* key_bytes(const std::string& key) {
  return reinterpret_cast<const unsigned char*>(key.data());
}

std::string_view text_claim(jwt_t* token, const char* name) {
  const char* value = jwt_get_grant(token, name);
  return value != nullptr ? value : std::string_view{};
}

std::optional<std::int64_t> number_claim(jwt_t* token, const char* name) {
  errno = 0;
  const long value = jwt_get_grant_int(token, name);
  if (errno != 0) return std::nullopt;
  return value;
}

/// A token with a valid signature by this key; nothing for any other.
jwt_ptr open(const std::string& token, const std::string& key) {
  jwt_t* raw = nullptr;
  const int error = jwt_decode(&raw, token.c_str(), key_bytes(key), static_cast<int>(key.size()));
  jwt_ptr opened{raw};
  // The library takes the algorithm from the token; ours is the only one that counts.
  if (error != 0 || !opened || jwt_get_alg(opened.get()) != JWT_ALG_HS256) return nullptr;
  return opened;
}

} // namespace

// -- access tokens --------------------------------------------------------------------------------

token_authority::token_authority(const auth_settings& settings)
  : key_(settings.signing_key.value),
    previous_key_(settings.previous_signing_key.value),
    issuer_(settings.issuer),
    lifetime_(std::chrono::ceil<seconds>(settings.access_token_lifetime)) {}

result<std::string> token_authority::issue(const principal& who, timestamp now) const {
  jwt_t* raw = nullptr;
  if (jwt_new(&raw) != 0) return fail(errc::internal, "no token");
  const jwt_ptr token{raw};
  const auto issued_at = unix_seconds(now);
  int error = jwt_add_grant(raw, "iss", issuer_.c_str());
  error |= jwt_add_grant(raw, "sub", to_string(who.account_id).c_str());
  error |= jwt_add_grant(raw, "role", std::string{to_string(who.kind)}.c_str());
  error |= jwt_add_grant(raw, "sid", to_string(who.session_id).c_str());
  if (who.studio_id) error |= jwt_add_grant(raw, "studio", to_string(*who.studio_id).c_str());
  error |= jwt_add_grant_int(raw, "iat", issued_at);
  error |= jwt_add_grant_int(raw, "exp", issued_at + lifetime_.count());
  error |= jwt_set_alg(raw, JWT_ALG_HS256, key_bytes(key_), static_cast<int>(key_.size()));
  if (error != 0) return fail(errc::internal, "no token");
  const std::unique_ptr<char, decltype(&jwt_free_str)> encoded{jwt_encode_str(raw), &jwt_free_str};
  if (!encoded) return fail(errc::internal, "no token");
  return std::string{encoded.get()};
}

result<verified_token> token_authority::check(std::string_view text, timestamp now) const {
  if (text.size() > token_limit || text.find('\0') != std::string_view::npos)
    return refused("this is no token of this server");
  const std::string token{text};
  auto opened = open(token, key_);
  if (!opened && !previous_key_.empty()) opened = open(token, previous_key_);
  if (!opened) return refused("the token's signature is not valid");
  if (text_claim(opened.get(), "iss") != issuer_) return refused("the token has another issuer");

  const auto expires_at = number_claim(opened.get(), "exp");
  const auto issued_at = number_claim(opened.get(), "iat");
  if (!expires_at || !issued_at) return refused("the token has no times");
  const auto current = unix_seconds(now);
  // Written so that no sum of a claim can overflow.
  if (*expires_at <= current - clock_skew_s) return refused("the token has expired");
  if (*issued_at > current + clock_skew_s) return refused("the token is not valid yet");
  if (*expires_at > current + clock_skew_s + lifetime_.count())
    return refused("the token is valid for too long");

  const auto account_id = parse_uuid(text_claim(opened.get(), "sub"));
  const auto session_id = parse_uuid(text_claim(opened.get(), "sid"));
  const auto kind = parse_role(text_claim(opened.get(), "role"));
  const auto studio = text_claim(opened.get(), "studio");
  const auto studio_id = parse_uuid(studio);
  if (!account_id || !session_id || !kind || studio.empty() == studio_id.has_value() ||
      studio_id.has_value() != (*kind == role::studio))
    return refused("the token's claims are not complete");
  return verified_token{
    .who = {.account_id = *account_id,
            .session_id = *session_id,
            .kind = *kind,
            .studio_id = studio_id},
    .remaining = seconds{*expires_at - current + clock_skew_s},
  };
}

token_verifier::token_verifier(const token_authority& authority, const revocation_set& revocations,
                               std::size_t cache_entries, timestamp (*wall_clock)())
  : authority_(authority),
    revocations_(revocations),
    half_(std::max<std::size_t>(cache_entries / 2, 1)),
    wall_clock_(wall_clock) {}

std::size_t token_verifier::token_hash::operator()(std::string_view token) const noexcept {
  // The end of the signature is as good as random, and nobody without the key can choose it for a
  // token that gets into the cache.
  return std::hash<std::string_view>{}(
    token.substr(token.size() - std::min<std::size_t>(token.size(), 24)));
}

bool token_verifier::token_equal::operator()(std::string_view a,
                                             std::string_view b) const noexcept {
  if (a.size() != b.size() || a.size() < signature_size) return false;
  const auto start = a.size() - signature_size;
  // Whoever does not have the signature learns nothing of it from how long this takes.
  return sodium_memcmp(a.data() + start, b.data() + start, signature_size) == 0 && a == b;
}

result<principal> token_verifier::verify(std::string_view token, clock::time_point now) {
  // Read before anything is looked up: a revocation that comes meanwhile is looked up next time.
  const auto generation = revocations_.generation();
  if (auto* known = find(token)) {
    if (now >= known->expires_at) return refused("the token has expired");
    if (known->checked_at != generation) {
      if (revocations_.contains(known->who.session_id)) return refused("the token was revoked");
      known->checked_at = generation;
    }
    ++hits_;
    return known->who;
  }
  ++misses_;
  auto checked = authority_.check(token, wall_clock_());
  if (!checked) return std::unexpected(std::move(checked.error()));
  if (revocations_.contains(checked->who.session_id)) return refused("the token was revoked");
  keep(std::string{token}, {checked->who, now + checked->remaining, generation});
  return checked->who;
}

token_verifier::entry* token_verifier::find(std::string_view token) {
  if (auto found = young_.find(token); found != young_.end()) return &found->second;
  auto found = old_.find(token);
  if (found == old_.end()) return nullptr;
  auto node = old_.extract(found);
  if (young_.size() >= half_) {
    old_ = std::move(young_);
    young_.clear();
  }
  return &young_.insert(std::move(node)).position->second;
}

void token_verifier::keep(std::string token, entry value) {
  if (young_.size() >= half_) {
    old_ = std::move(young_);
    young_.clear();
  }
  young_.emplace(std::move(token), value);
}

// -- refresh tokens -------------------------------------------------------------------------------

namespace {

constexpr std::size_t refresh_size = 1 + 16 + 16 + 32;
constexpr std::size_t refresh_text_size = (refresh_size * 4 + 2) / 3; // without padding
constexpr int variant = sodium_base64_VARIANT_URLSAFE_NO_PADDING;

using refresh_bytes = std::array<std::uint8_t, refresh_size>;

refresh_bytes to_bytes(const refresh_token& token) noexcept {
  refresh_bytes bytes;
  bytes[0] = static_cast<std::uint8_t>(token.account.kind);
  auto out = bytes.begin() + 1;
  out = std::ranges::copy(token.account.id.bytes, out).out;
  out = std::ranges::copy(token.session_id.bytes, out).out;
  std::ranges::copy(token.secret, out);
  return bytes;
}

} // namespace

std::string encode(const refresh_token& token) {
  static_assert(refresh_text_size == 87);
  const auto bytes = to_bytes(token);
  std::array<char, refresh_text_size + 1> text{};
  sodium_bin2base64(text.data(), text.size(), bytes.data(), bytes.size(), variant);
  return text.data();
}

std::optional<refresh_token> parse_refresh_token(std::string_view text) noexcept {
  // libsodium's decoder takes bytes of 0x80 and above for letters.
  const auto is_ascii = [](char c) { return static_cast<unsigned char>(c) < 0x80; };
  if (text.size() != refresh_text_size || !std::ranges::all_of(text, is_ascii)) return std::nullopt;
  refresh_bytes bytes;
  std::size_t size = 0;
  const char* end = nullptr;
  if (sodium_base642bin(bytes.data(), bytes.size(), text.data(), text.size(), nullptr, &size, &end,
                        variant) != 0 ||
      size != bytes.size() || end != text.data() + text.size())
    return std::nullopt;
  if (bytes[0] > static_cast<std::uint8_t>(account_kind::staff)) return std::nullopt;
  refresh_token token;
  token.account.kind = static_cast<account_kind>(bytes[0]);
  std::copy_n(&bytes[1], 16, token.account.id.bytes.begin());
  std::copy_n(&bytes[17], 16, token.session_id.bytes.begin());
  std::copy_n(&bytes[33], 32, token.secret.begin());
  return token;
}

digest hash_of(const refresh_token& token) noexcept {
  const auto bytes = to_bytes(token);
  digest hash;
  crypto_generichash(hash.data(), hash.size(), bytes.data(), bytes.size(), nullptr, 0);
  return hash;
}

refresh_token_source::refresh_token_source(const auth_settings& settings) {
  constexpr std::string_view purpose = "troupe refresh tokens";
  crypto_generichash_state state;
  crypto_generichash_init(&state, nullptr, 0, key_.size());
  crypto_generichash_update(&state, reinterpret_cast<const unsigned char*>(purpose.data()),
                            purpose.size());
  crypto_generichash_update(&state, key_bytes(settings.signing_key.value),
                            settings.signing_key.value.size());
  crypto_generichash_final(&state, key_.data(), key_.size());
}

refresh_token refresh_token_source::make(const account_ref& account,
                                         const uuid& session_id) const noexcept {
  refresh_token token{.account = account, .session_id = session_id};
  randombytes_buf(token.secret.data(), token.secret.size());
  return token;
}

refresh_token refresh_token_source::derive(const account_ref& account, const uuid& session_id,
                                           const uuid& op_id) const noexcept {
  refresh_token token{.account = account, .session_id = session_id};
  std::array<std::uint8_t, 1 + 3 * 16> input;
  input[0] = static_cast<std::uint8_t>(account.kind);
  auto out = std::ranges::copy(account.id.bytes, input.begin() + 1).out;
  out = std::ranges::copy(session_id.bytes, out).out;
  std::ranges::copy(op_id.bytes, out);
  crypto_generichash(token.secret.data(), token.secret.size(), input.data(), input.size(),
                     key_.data(), key_.size());
  return token;
}

} // namespace troupe::gateway
