#include "gateway/cursor.hpp"

#include <sodium.h>

namespace troupe::gateway {

namespace {

constexpr std::size_t tag_size = 12;
constexpr std::size_t max_cursor = 512;

} // namespace

std::string seal_cursor(const gateway_keys& keys, std::string_view bound_to,
                        std::string_view content) {
  auto tag = keys.cursor_tag(bound_to, content);
  std::string plain{reinterpret_cast<const char*>(tag.data()), tag.size()};
  plain.append(content);
  std::string out(sodium_base64_ENCODED_LEN(plain.size(), sodium_base64_VARIANT_URLSAFE_NO_PADDING),
                  '\0');
  sodium_bin2base64(out.data(), out.size(), reinterpret_cast<const unsigned char*>(plain.data()),
                    plain.size(), sodium_base64_VARIANT_URLSAFE_NO_PADDING);
  out.resize(out.find('\0'));
  return out;
}

std::optional<std::string> open_cursor(const gateway_keys& keys, std::string_view bound_to,
                                       std::string_view cursor) {
  if (cursor.empty() || cursor.size() > max_cursor) return std::nullopt;
  std::string plain(cursor.size(), '\0');
  std::size_t size = 0;
  const char* end = nullptr;
  if (sodium_base642bin(reinterpret_cast<unsigned char*>(plain.data()), plain.size(), cursor.data(),
                        cursor.size(), nullptr, &size, &end,
                        sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0 ||
      end != cursor.data() + cursor.size() || size < tag_size)
    return std::nullopt;
  plain.resize(size);
  auto content = std::string_view{plain}.substr(tag_size);
  auto tag = keys.cursor_tag(bound_to, content);
  if (sodium_memcmp(tag.data(), plain.data(), tag_size) != 0) return std::nullopt;
  return std::string{content};
}

} // namespace troupe::gateway
