#include "actors/provider/fetch/fetch_tls.hpp"

#include <boost/asio/ip/address.hpp>
#include <boost/system/system_error.hpp>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

namespace troupe::provider {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

/// Whose certificate is wanted, and its name for servers that have several.
bool expect(SSL* connection, const std::string& host) {
  error_code no_address;
  asio::ip::make_address(host, no_address);
  if (!no_address)
    return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(connection), host.c_str()) == 1;
  SSL_set_hostflags(connection, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  return SSL_set1_host(connection, host.c_str()) == 1 &&
         SSL_set_tlsext_host_name(connection, host.c_str()) == 1;
}

} // namespace

fetch_result<std::unique_ptr<tls_stream>> encrypt(boost::beast::tcp_stream way,
                                                  asio::ssl::context& context,
                                                  const std::string& host) {
  error_code error;
  std::unique_ptr<tls_stream> out;
  try {
    out = std::make_unique<tls_stream>(std::move(way), context);
    out->set_verify_mode(asio::ssl::verify_peer, error);
  } catch (const boost::system::system_error& thrown) {
    error = thrown.code();
  }
  if (!error && expect(out->native_handle(), host)) return out;
  ERR_clear_error(); // or it would be taken for a failure of the next connection
  return stop(fetch_failure::tls, "OpenSSL cannot make a connection: " + error.message());
}

std::string why_untrusted(tls_stream& stream, error_code error) {
  const auto verified = SSL_get_verify_result(stream.native_handle());
  return verified == X509_V_OK ? error.message() : X509_verify_cert_error_string(verified);
}

result<std::shared_ptr<asio::ssl::context>> make_fetch_tls(const std::filesystem::path& ca_file) {
  std::shared_ptr<asio::ssl::context> out;
  error_code error;
  try {
    out = std::make_shared<asio::ssl::context>(asio::ssl::context::tls_client);
    if (ca_file.empty())
      out->set_default_verify_paths(error);
    else
      out->load_verify_file(ca_file.string(), error);
  } catch (const boost::system::system_error& thrown) {
    error = thrown.code();
  }
  const bool bounded = !error &&
                       SSL_CTX_set_min_proto_version(out->native_handle(), TLS1_2_VERSION) == 1;
  ERR_clear_error(); // or it would be taken for a failure of the next connection
  if (!bounded)
    return fail(errc::precondition_failed,
                "the authorities' certificates cannot be read: " + error.message());
  return out;
}

} // namespace troupe::provider
