#include "actors/cluster/link/openssl.hpp"

#include <openssl/pem.h>

#include <limits>

namespace troupe::links {

namespace {

bio_ptr source(std::string_view text) {
  if (text.size() > static_cast<std::size_t>(std::numeric_limits<int>::max())) return nullptr;
  return bio_ptr{BIO_new_mem_buf(text.data(), static_cast<int>(text.size()))};
}

/// Instead of OpenSSL's own, which asks at the terminal.
int no_pass_phrase(char*, int, int, void*) { return -1; }

} // namespace

x509_ptr read_certificate(std::string_view pem) {
  clean_error_queue clean;
  auto in = source(pem);
  return x509_ptr{in ? PEM_read_bio_X509(in.get(), nullptr, no_pass_phrase, nullptr) : nullptr};
}

key_ptr read_key(std::string_view pem) {
  clean_error_queue clean;
  auto in = source(pem);
  return key_ptr{in ? PEM_read_bio_PrivateKey(in.get(), nullptr, no_pass_phrase, nullptr)
                    : nullptr};
}

fingerprint fingerprint_of(const X509& certificate) {
  fingerprint out;
  unsigned size = 0;
  X509_digest(&certificate, EVP_sha256(), out.bytes.data(), &size);
  return out;
}

} // namespace troupe::links
