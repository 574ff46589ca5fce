#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace troupe::links {

/// The SHA-256 digest of a certificate's DER form: who a node is to the others.
struct fingerprint {
  std::array<std::uint8_t, 32> bytes{};

  auto operator<=>(const fingerprint&) const = default;
};

/// 64 lower-case hexadecimal digits.
std::string to_string(const fingerprint& print);

/// Of the first certificate in a PEM text. Error: `invalid_field` when there is none.
result<fingerprint> fingerprint_of(std::string_view pem);

} // namespace troupe::links
