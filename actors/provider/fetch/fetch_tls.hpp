#pragma once

#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core/tcp_stream.hpp>

#include <memory>
#include <string>

#include "actors/provider/fetch/problem.hpp"

// For this folder's sources and the HTTP client of commands.

namespace troupe::provider {

using tls_stream = boost::asio::ssl::stream<boost::beast::tcp_stream>;

/// A stream whose handshake will succeed only with a certificate for `host`, whatever the context says.
fetch_result<std::unique_ptr<tls_stream>> encrypt(boost::beast::tcp_stream way,
                                                  boost::asio::ssl::context& context,
                                                  const std::string& host);

/// The reason of a failed handshake, the certificate's if it was that.
std::string why_untrusted(tls_stream& stream, boost::system::error_code error);

} // namespace troupe::provider
