#pragma once

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string_view>

#include "actors/cluster/link/fingerprint.hpp"

// OpenSSL's objects as owners, for this folder's sources only.

namespace troupe::links {

template <auto Free>
struct freed_by {
  template <class T>
  void operator()(T* object) const noexcept {
    Free(object);
  }
};

using bio_ptr = std::unique_ptr<BIO, freed_by<BIO_free_all>>;
using key_ptr = std::unique_ptr<EVP_PKEY, freed_by<EVP_PKEY_free>>;
using x509_ptr = std::unique_ptr<X509, freed_by<X509_free>>;

/// Each thread of OpenSSL has a queue of errors, and an error that stays in it is taken for the failure
/// of whatever connection comes next on that thread. So whoever calls OpenSSL itself holds one of
/// these meanwhile.
class clean_error_queue {
public:
  clean_error_queue() { ERR_clear_error(); }
  ~clean_error_queue() { ERR_clear_error(); }
  clean_error_queue(const clean_error_queue&) = delete;
  clean_error_queue& operator=(const clean_error_queue&) = delete;
};

/// The first certificate of a PEM text; null when there is none.
x509_ptr read_certificate(std::string_view pem);

/// The first private key of a PEM text without a pass phrase; null when there is none.
key_ptr read_key(std::string_view pem);

fingerprint fingerprint_of(const X509& certificate);

} // namespace troupe::links
