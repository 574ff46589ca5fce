#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>

#include <optional>
#include <utility>
#include <variant>

#include "actors/cluster/link/fingerprint.hpp"

namespace troupe::links {

/// A connection's bytes, through TLS or plain; whoever holds it need not know. For the thread of its
/// io_context.
class stream {
public:
  using socket = boost::asio::ip::tcp::socket;
  using tls = boost::asio::ssl::stream<socket>;

  explicit stream(socket plain) : way_(std::in_place_type<socket>, std::move(plain)) {}
  stream(socket below, boost::asio::ssl::context& context)
    : way_(std::in_place_type<tls>, std::move(below), context) {}

  socket& connection() {
    auto encrypted = std::get_if<tls>(&way_);
    return encrypted ? encrypted->next_layer() : std::get<socket>(way_);
  }

  /// Null when it is plain.
  tls* encrypted() { return std::get_if<tls>(&way_); }

  template <class Handler>
  void async_read_some(boost::asio::mutable_buffer into, Handler&& handler) {
    std::visit([&](auto& way) { way.async_read_some(into, std::forward<Handler>(handler)); }, way_);
  }

  /// Reads until `into` is full.
  template <class Handler>
  void async_read(boost::asio::mutable_buffer into, Handler&& handler) {
    std::visit(
      [&](auto& way) { boost::asio::async_read(way, into, std::forward<Handler>(handler)); }, way_);
  }

  /// Writes all of `from`.
  template <class Handler>
  void async_write(boost::asio::const_buffer from, Handler&& handler) {
    std::visit(
      [&](auto& way) { boost::asio::async_write(way, from, std::forward<Handler>(handler)); },
      way_);
  }

  /// Of the certificate that the peer showed in the handshake; nothing when the stream is plain.
  std::optional<fingerprint> peer_certificate();

  /// Ends the connection at once; operations under way end with an error.
  void cut() noexcept;

private:
  std::variant<socket, tls> way_;
};

} // namespace troupe::links
