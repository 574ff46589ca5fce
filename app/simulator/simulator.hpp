#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>

#include <chrono>
#include <cstdint>
#include <string>

#include "app/simulator/chaos.hpp"
#include "app/simulator/feed_writer.hpp"
#include "base/error.hpp"

namespace troupe::simulator {

struct provider_settings {
  feed_shape feed;
  chaos what;
  std::uint32_t share = 30;             ///< of 100 requests that each kind of chaos comes over
  std::chrono::seconds change_every{0}; ///< the next generation; 0: never by itself
};

/// A provider's HTTP server to play with, on 127.0.0.1: every path is the feed, `/control` steers it. A feed is
/// written while it is sent, never held whole. For the thread of its io_context, within whose `run` it
/// must live.
class provider {
public:
  provider(boost::asio::io_context& io, provider_settings settings);

  /// Error: `internal` with a text for the operator.
  result<void> listen(std::uint16_t port);

  std::uint16_t port() const { return acceptor_.local_endpoint().port(); }

private:
  using stream = boost::beast::tcp_stream;
  using text_request = boost::beast::http::request<boost::beast::http::string_body>;
  using text_answer = boost::beast::http::response<boost::beast::http::string_body>;

  boost::asio::awaitable<void> accept();
  boost::asio::awaitable<void> change();
  boost::asio::awaitable<void> serve(boost::asio::ip::tcp::socket socket);
  boost::asio::awaitable<bool> answer(stream& way, const text_request& request);
  boost::asio::awaitable<bool> send_feed(stream& way, const text_request& request);
  boost::asio::awaitable<bool> send_body(stream& way, feed_writer writer, std::uint64_t size,
                                         fate what);
  boost::asio::awaitable<bool> send(stream& way, std::string_view bytes, bool slow);

  text_answer control(const text_request& request);
  result<void> apply(std::string_view name, const std::string& value);
  std::string etag() const;
  std::uint64_t feed_size();

  boost::asio::io_context& io_;
  provider_settings settings_;
  boost::asio::ip::tcp::acceptor acceptor_;
  boost::asio::steady_timer next_change_;
  std::uint64_t generation_ = 0;
  std::uint64_t requests_ = 0; ///< for the feed, since the chaos was set
  std::uint32_t open_ = 0;     ///< connections
  std::uint64_t size_ = 0;     ///< of the feed, once known; 0: not yet
};

} // namespace troupe::simulator
