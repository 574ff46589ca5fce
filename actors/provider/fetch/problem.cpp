#include "actors/provider/fetch/problem.hpp"

#include <boost/asio/error.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/http/error.hpp>

namespace troupe::provider {

namespace asio = boost::asio;
namespace http = boost::beast::http;

std::string_view to_string(fetch_failure what) noexcept {
  switch (what) {
    case fetch_failure::bad_url: return "bad_url";
    case fetch_failure::refused_address: return "refused_address";
    case fetch_failure::dns: return "dns";
    case fetch_failure::connect: return "connect";
    case fetch_failure::tls: return "tls";
    case fetch_failure::timeout: return "timeout";
    case fetch_failure::too_large: return "too_large";
    case fetch_failure::truncated: return "truncated";
    case fetch_failure::bad_response: return "bad_response";
    case fetch_failure::bad_encoding: return "bad_encoding";
    case fetch_failure::http_status: return "http_status";
    case fetch_failure::too_many_redirects: return "too_many_redirects";
    case fetch_failure::cancelled: return "cancelled";
  }
  return "unknown";
}

fetch_failure failure_of(boost::system::error_code error) noexcept {
  if (error == boost::beast::error::timeout) return fetch_failure::timeout;
  if (error == http::error::body_limit) return fetch_failure::too_large;
  if (error == http::error::end_of_stream || error == http::error::partial_message)
    return fetch_failure::truncated;
  if (error.category() == http::make_error_code(http::error::end_of_stream).category())
    return fetch_failure::bad_response;
  if (error.category() == asio::error::get_ssl_category()) return fetch_failure::tls;
  return fetch_failure::truncated; // reset, or closed without TLS's farewell
}

} // namespace troupe::provider
