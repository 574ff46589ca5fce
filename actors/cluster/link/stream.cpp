#include "actors/cluster/link/stream.hpp"

#include "actors/cluster/link/openssl.hpp"

namespace troupe::links {

std::optional<fingerprint> stream::peer_certificate() {
  auto way = encrypted();
  if (!way) return std::nullopt;
  clean_error_queue clean;
  x509_ptr shown{SSL_get1_peer_certificate(way->native_handle())};
  if (!shown) return std::nullopt;
  return fingerprint_of(*shown);
}

void stream::cut() noexcept {
  boost::system::error_code ignored;
  connection().close(ignored);
}

} // namespace troupe::links
