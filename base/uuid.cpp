#include "base/uuid.hpp"

#include <chrono>
#include <random>

namespace troupe {

namespace {

constexpr char hex_digits[] = "0123456789abcdef";
constexpr std::array<int, 4> hyphens_before{4, 6, 8, 10};

int hex_value(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool hyphen_before(int byte) noexcept {
  for (int at : hyphens_before)
    if (at == byte) return true;
  return false;
}

/// Per-thread source: a 64-bit random head for each millisecond, then ascending steps within it.
class v7_source {
public:
  v7_source() {
    std::random_device device;
    std::seed_seq seed{device(), device(), device(), device(), device(), device()};
    engine_.seed(seed);
  }

  uuid next() {
    using namespace std::chrono;
    auto now = static_cast<std::uint64_t>(
      duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count());
    if (now > last_ms_) {
      last_ms_ = now;
      high_ = engine_() & 0x7FF; // the top bit stays free, so that steps do not overflow at once
    } else if (++high_ >
               0xFFF) { // the clock stood still or went back: go on in the next millisecond
      ++last_ms_;
      high_ = 0;
    }
    return make_uuid_v7(last_ms_, high_, engine_());
  }

private:
  std::mt19937_64 engine_;
  std::uint64_t last_ms_ = 0;
  std::uint64_t high_ = 0;
};

} // namespace

uuid make_uuid_v7() {
  thread_local v7_source source;
  return source.next();
}

uuid make_uuid_v7(std::uint64_t unix_ms, std::uint64_t random_high,
                  std::uint64_t random_low) noexcept {
  uuid id;
  for (int i = 0; i < 6; ++i) id.bytes[i] = static_cast<std::uint8_t>(unix_ms >> (40 - 8 * i));
  id.bytes[6] = static_cast<std::uint8_t>(0x70 | ((random_high >> 8) & 0x0F));
  id.bytes[7] = static_cast<std::uint8_t>(random_high);
  for (int i = 0; i < 8; ++i)
    id.bytes[8 + i] = static_cast<std::uint8_t>(random_low >> (56 - 8 * i));
  id.bytes[8] = static_cast<std::uint8_t>(0x80 | (id.bytes[8] & 0x3F));
  return id;
}

void format_to(const uuid& id, char* out) noexcept {
  for (int i = 0; i < 16; ++i) {
    if (hyphen_before(i)) *out++ = '-';
    *out++ = hex_digits[id.bytes[i] >> 4];
    *out++ = hex_digits[id.bytes[i] & 0x0F];
  }
}

std::string to_string(const uuid& id) {
  std::string text(36, '\0');
  format_to(id, text.data());
  return text;
}

std::optional<uuid> parse_uuid(std::string_view text) noexcept {
  if (text.size() != 36) return std::nullopt;
  uuid id;
  const char* at = text.data();
  for (int i = 0; i < 16; ++i) {
    if (hyphen_before(i) && *at++ != '-') return std::nullopt;
    int high = hex_value(at[0]);
    int low = hex_value(at[1]);
    if (high < 0 || low < 0) return std::nullopt;
    id.bytes[i] = static_cast<std::uint8_t>(high * 16 + low);
    at += 2;
  }
  return id;
}

} // namespace troupe
