#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "config/settings.hpp"
#include "gateway/auth/tokens.hpp"
#include "gateway/limits/rate_limiter.hpp"

// Access and refresh tokens as clients send them. A token that passes must be one that was signed, which
// the fuzzer cannot do; a refresh token that reads must write as the same text.

namespace {

troupe::auth_settings two_keys() {
  troupe::auth_settings it;
  it.signing_key.value = "a key the fuzzer does not know, 32 bytes";
  it.previous_signing_key.value = "another one it does not know, 32 bytes..";
  return it;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace troupe;
  static const gateway::token_authority authority{two_keys()};
  static const revocation_set revocations;
  static gateway::token_verifier verifier{authority, revocations, 64};
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  if (verifier.verify(text, std::chrono::steady_clock::time_point{})) std::abort();
  if (const auto token = gateway::parse_refresh_token(text); token && encode(*token) != text)
    std::abort();
  if (const auto key = gateway::parse_limit_key(text);
      key && gateway::parse_limit_key(to_string(*key)) != key)
    std::abort();
  return 0;
}
