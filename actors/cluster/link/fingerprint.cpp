#include "actors/cluster/link/fingerprint.hpp"

#include "actors/cluster/link/openssl.hpp"

namespace troupe::links {

std::string to_string(const fingerprint& print) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out;
  out.reserve(2 * print.bytes.size());
  for (auto byte : print.bytes) {
    out.push_back(digits[byte >> 4]);
    out.push_back(digits[byte & 15]);
  }
  return out;
}

result<fingerprint> fingerprint_of(std::string_view pem) {
  auto certificate = read_certificate(pem);
  if (!certificate) return fail(errc::invalid_field, "this is no certificate in PEM form");
  return fingerprint_of(*certificate);
}

} // namespace troupe::links
