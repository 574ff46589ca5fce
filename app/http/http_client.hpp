#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>

#include <chrono>
#include <expected>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "actors/provider/fetch/provider_url.hpp"
#include "base/error.hpp"

namespace troupe {

struct http_answer {
  unsigned status = 0;
  std::string body; ///< at most 8 MiB
  bool replayed = false;
};

/// Why there is no answer.
struct no_answer {
  bool began = false; ///< some of an answer came before it broke off
  std::string why;
};

/// A connection to one HTTP or HTTPS server, kept open between requests, as a client's library would. Blocks;
/// for one thread. For the commands that talk to a running cluster.
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

  /// `url`: `https://host:port`, without a path. `ca_file`: PEM of the authorities that are trusted; empty: the
  /// system's. Errors: `invalid_field`, `precondition_failed` for a file that does not do.
  static result<http_client> make(const std::string& url,
                                  const std::filesystem::path& ca_file = {});

  std::expected<http_answer, no_answer> send(const request& what, std::chrono::milliseconds limit);

private:
  using deadline = std::chrono::steady_clock::time_point;
  using plain_stream = boost::beast::tcp_stream;
  using tls_stream = boost::asio::ssl::stream<plain_stream>;
  using sent = boost::beast::http::request<boost::beast::http::string_body>;
  using received = boost::beast::http::response_parser<boost::beast::http::string_body>;

  http_client(provider::fetch_target server, std::shared_ptr<boost::asio::ssl::context> tls)
    : server_(std::move(server)), tls_(std::move(tls)) {}

  bool connected() const noexcept { return plain_ || encrypted_; }
  void disconnect();

  /// Nothing, or what went wrong.
  using outcome = std::optional<std::string>;
  boost::asio::awaitable<outcome> connect(deadline until);
  boost::asio::awaitable<outcome> exchange(sent& out, received& in, deadline until);

  provider::fetch_target server_;
  std::shared_ptr<boost::asio::ssl::context> tls_; ///< null: plain
  std::unique_ptr<boost::asio::io_context> io_ = std::make_unique<boost::asio::io_context>(1);
  std::optional<plain_stream> plain_;
  std::unique_ptr<tls_stream> encrypted_;
  boost::beast::flat_buffer buffer_;
};

} // namespace troupe
