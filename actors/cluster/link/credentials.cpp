#include "actors/cluster/link/credentials.hpp"

#include <boost/asio/ssl/context.hpp>
#include <boost/system/system_error.hpp>
#include <openssl/ssl.h>

#include "actors/cluster/link/certificate_files.hpp"
#include "actors/cluster/link/openssl.hpp"
#include "base/log.hpp"

namespace troupe::links {

namespace asio = boost::asio;

namespace {

using store_ptr = std::unique_ptr<X509_STORE, freed_by<X509_STORE_free>>;
using store_context_ptr = std::unique_ptr<X509_STORE_CTX, freed_by<X509_STORE_CTX_free>>;

std::unexpected<failure> unfitting(std::string what) {
  return fail(errc::precondition_failed, std::move(what));
}

/// Whether others will accept `leaf` on that side of a connection, as far as this node can tell.
result<void> verify(X509& leaf, X509& authority, int purpose) {
  store_ptr store{X509_STORE_new()};
  store_context_ptr context{X509_STORE_CTX_new()};
  if (!store || !context || X509_STORE_add_cert(store.get(), &authority) != 1 ||
      X509_STORE_CTX_init(context.get(), store.get(), &leaf, nullptr) != 1 ||
      X509_STORE_CTX_set_purpose(context.get(), purpose) != 1)
    return fail(errc::internal, "OpenSSL cannot verify certificates");
  if (X509_verify_cert(context.get()) == 1) return {};
  auto why = X509_STORE_CTX_get_error(context.get());
  return unfitting(std::string{"the certificate does not verify: "} +
                   X509_verify_cert_error_string(why));
}

result<credentials::tls_context> make_context(X509& leaf, EVP_PKEY& key, X509& authority) {
  boost::system::error_code error;
  credentials::tls_context out;
  try {
    out = std::make_shared<asio::ssl::context>(asio::ssl::context::tlsv13);
    out->set_verify_mode(asio::ssl::verify_peer | asio::ssl::verify_fail_if_no_peer_cert, error);
  } catch (const boost::system::system_error& thrown) {
    error = thrown.code();
  }
  if (error) return fail(errc::internal, "OpenSSL cannot make a TLS context: " + error.message());
  auto native = out->native_handle();
  // A resumed session would skip the certificates; every link shows its own.
  SSL_CTX_set_session_cache_mode(native, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(native, 0);
  if (SSL_CTX_use_certificate(native, &leaf) != 1 || SSL_CTX_use_PrivateKey(native, &key) != 1 ||
      X509_STORE_add_cert(SSL_CTX_get_cert_store(native), &authority) != 1)
    return unfitting("OpenSSL does not take the certificate with its key");
  return out;
}

} // namespace

credentials::credentials(credential_files files, state first)
  : files_(std::move(files)), state_(std::move(first)) {}

result<credentials::state> credentials::read(const credential_files& files) {
  clean_error_queue clean;
  auto leaf_text = read_pem(files.certificate);
  if (!leaf_text) return std::unexpected(leaf_text.error());
  auto key_text = read_pem(files.key);
  if (!key_text) return std::unexpected(key_text.error());
  auto authority_text = read_pem(files.authority);
  if (!authority_text) return std::unexpected(authority_text.error());

  auto leaf = read_certificate(*leaf_text);
  if (!leaf) return unfitting(files.certificate.string() + " holds no certificate");
  auto key = read_key(*key_text);
  if (!key) return unfitting(files.key.string() + " holds no private key without a pass phrase");
  auto authority = read_certificate(*authority_text);
  if (!authority) return unfitting(files.authority.string() + " holds no certificate");
  if (X509_check_private_key(leaf.get(), key.get()) != 1)
    return unfitting("the private key is not that of the certificate");
  for (auto purpose : {X509_PURPOSE_SSL_SERVER, X509_PURPOSE_SSL_CLIENT})
    if (auto verified = verify(*leaf, *authority, purpose); !verified)
      return std::unexpected(verified.error());
  auto context = make_context(*leaf, *key, *authority);
  if (!context) return std::unexpected(context.error());
  return state{std::move(*context), fingerprint_of(*leaf)};
}

result<std::shared_ptr<credentials>> credentials::load(credential_files files) {
  auto first = read(files);
  if (!first) return std::unexpected(first.error());
  return std::shared_ptr<credentials>{new credentials{std::move(files), std::move(*first)}};
}

result<void> credentials::reload() {
  auto next = read(files_);
  if (!next) {
    log::error("link", "certificate_refused",
               {{"detail", next.error().detail}, {"kept", to_string(own())}});
    return std::unexpected(next.error());
  }
  log::info("link", "certificate_loaded", {{"fingerprint", to_string(next->own)}});
  std::scoped_lock lock{mutex_};
  state_ = std::move(*next);
  return {};
}

std::string credentials::stamps() const {
  std::string all;
  for (const auto* file : {&files_.certificate, &files_.key, &files_.authority}) {
    std::error_code error;
    const auto written = std::filesystem::last_write_time(*file, error);
    const auto size = error ? 0 : std::filesystem::file_size(*file, error);
    all += std::to_string(error ? 0 : written.time_since_epoch().count()) + ' ' +
           std::to_string(size) + '\n';
  }
  return all;
}

credentials::tls_context credentials::context() const {
  std::scoped_lock lock{mutex_};
  return state_.context;
}

fingerprint credentials::own() const {
  std::scoped_lock lock{mutex_};
  return state_.own;
}

} // namespace troupe::links
