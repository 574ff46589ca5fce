#include "actors/password/argon2.hpp"

#include <array>
#include <cstring>
#include <sodium.h>

namespace troupe {

result<std::string> argon2_hash(std::string_view password, const argon2_cost& cost) {
  if (sodium_init() < 0) return fail(errc::internal, "no random numbers");
  std::array<char, crypto_pwhash_argon2id_STRBYTES> encoded{};
  if (crypto_pwhash_argon2id_str(encoded.data(), password.data(), password.size(), cost.operations,
                                 cost.memory_bytes) != 0)
    return fail(errc::overloaded, "not enough memory to hash a password");
  return std::string{encoded.data()};
}

bool argon2_matches(std::string_view password, std::string_view encoded) noexcept {
  std::array<char, crypto_pwhash_argon2id_STRBYTES> text{};
  if (sodium_init() < 0 || encoded.size() >= text.size()) return false;
  std::memcpy(text.data(), encoded.data(), encoded.size());
  return crypto_pwhash_argon2id_str_verify(text.data(), password.data(), password.size()) == 0;
}

} // namespace troupe
