#include "gateway/keys.hpp"

#include <sodium.h>

namespace troupe::gateway {

namespace {

void derive(std::array<unsigned char, 32>& out, std::string_view signing_key,
            std::string_view purpose) {
  crypto_generichash_state state;
  crypto_generichash_init(&state, reinterpret_cast<const unsigned char*>(purpose.data()),
                          purpose.size(), out.size());
  crypto_generichash_update(&state, reinterpret_cast<const unsigned char*>(signing_key.data()),
                            signing_key.size());
  crypto_generichash_final(&state, out.data(), out.size());
}

/// Each part with its length before it, so that no two lists of parts look the same.
void add(crypto_generichash_state& state, std::string_view part) {
  std::array<unsigned char, 8> size{};
  auto left = part.size();
  for (auto& byte : size) {
    byte = static_cast<unsigned char>(left);
    left >>= 8;
  }
  crypto_generichash_update(&state, size.data(), size.size());
  crypto_generichash_update(&state, reinterpret_cast<const unsigned char*>(part.data()),
                            part.size());
}

std::string_view bytes_of(const uuid& id) {
  return {reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size()};
}

} // namespace

gateway_keys::gateway_keys(std::string_view signing_key) {
  derive(request_key_, signing_key, "troupe gateway requests");
  derive(cursor_key_, signing_key, "troupe gateway cursors");
}

uuid gateway_keys::operation_id(const uuid& principal, std::string_view idempotency_key) const {
  crypto_generichash_state state;
  uuid out;
  // Without the secret key: the id must stay the same when the signing key is changed.
  crypto_generichash_init(&state, nullptr, 0, out.bytes.size());
  add(state, bytes_of(principal));
  add(state, idempotency_key);
  crypto_generichash_final(&state, out.bytes.data(), out.bytes.size());
  out.bytes[6] = static_cast<std::uint8_t>(0x80 | (out.bytes[6] & 0x0F));
  out.bytes[8] = static_cast<std::uint8_t>(0x80 | (out.bytes[8] & 0x3F));
  return out;
}

digest gateway_keys::request_hash(std::string_view method, std::string_view target,
                                  std::string_view body) const {
  crypto_generichash_state state;
  digest out{};
  crypto_generichash_init(&state, request_key_.data(), request_key_.size(), out.size());
  add(state, method);
  add(state, target);
  add(state, body);
  crypto_generichash_final(&state, out.data(), out.size());
  if (out == digest{}) out[0] = 1;
  return out;
}

std::array<std::uint8_t, 12> gateway_keys::cursor_tag(std::string_view bound_to,
                                                      std::string_view content) const {
  crypto_generichash_state state;
  std::array<std::uint8_t, 16> full{};
  crypto_generichash_init(&state, cursor_key_.data(), cursor_key_.size(), full.size());
  add(state, bound_to);
  add(state, content);
  crypto_generichash_final(&state, full.data(), full.size());
  std::array<std::uint8_t, 12> out{};
  std::copy_n(full.begin(), out.size(), out.begin());
  return out;
}

} // namespace troupe::gateway
