#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>

#include <chrono>
#include <expected>
#include <optional>
#include <string>

#include "base/error.hpp"

namespace troupe::drill {

struct http_answer {
  unsigned status = 0;
  std::string body;
  bool replayed = false;
};

/// Why there is no answer.
struct no_answer {
  bool began = false; ///< some of an answer came before it broke off
  std::string why;
};

/// A connection to one HTTP server, kept open between requests, as a client's library would. Blocks; for one
/// thread.
class http_client {
public:
  using verb = boost::beast::http::verb;

  struct request {
    verb method = verb::get;
    std::string target;
    std::string token = {}; ///< of access; empty: none
    std::string key = {};   ///< Idempotency-Key; empty: none
    std::string body = {};
    std::string content_type = "application/json";
  };

  /// `url`: "http://host:port". Error: `invalid_field`.
  static result<http_client> make(const std::string& url);

  std::expected<http_answer, no_answer> send(const request& what, std::chrono::milliseconds limit);

private:
  explicit http_client(boost::asio::ip::tcp::endpoint server) : server_(std::move(server)) {}

  boost::asio::ip::tcp::endpoint server_;
  std::unique_ptr<boost::asio::io_context> io_ = std::make_unique<boost::asio::io_context>(1);
  std::optional<boost::beast::tcp_stream> stream_;
  boost::beast::flat_buffer buffer_;
};

} // namespace troupe::drill
