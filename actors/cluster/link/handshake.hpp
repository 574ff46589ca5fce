#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "actors/cluster/link/credentials.hpp"
#include "actors/cluster/link/frame.hpp"
#include "actors/cluster/link/link.hpp"
#include "actors/cluster/link/settings.hpp"
#include "actors/cluster/link/stream.hpp"

namespace troupe::links {

/// Why there is no link.
enum class handshake_problem : std::uint8_t {
  unreachable, ///< no such host, nobody listens, or the connection broke
  timed_out,
  untrusted, ///< TLS failed: a certificate that does not verify, or something that is no TLS
  foreign,   ///< it speaks something else, another version, or belongs to another cluster
  refused,   ///< it is not the incarnation that was meant, not accepted, or not allowed without TLS
  outdated,  ///< a newer link of that peer is up
  stopped,
};
std::string_view to_string(handshake_problem what) noexcept;

struct handshake_failure {
  handshake_problem what = handshake_problem::unreachable;
  std::string detail; ///< for the log
};

struct dial_target {
  std::string host; ///< a name or an IP address
  std::uint16_t port = 0;
  uuid incarnation; ///< whose hello is wanted
};

/// Brings one connection from nothing to both hellos, within one time-out, in bounded memory. Owned by its
/// hub until it is done; for the thread of the io_context.
class handshake : public std::enable_shared_from_this<handshake> {
public:
  struct success {
    stream way;
    peer who;
    std::uint64_t attempt = 0;
  };
  using outcome = std::expected<success, handshake_failure>;

  /// `tls` is null for a plain connection. `done` comes once, unless the handshake is abandoned; never
  /// before `dial` or `accept` returned.
  handshake(boost::asio::io_context& io, const link_settings& settings,
            credentials::tls_context tls, link_events& events, std::function<void(outcome)> done);

  void dial(dial_target target, std::uint64_t attempt);
  void accept(stream::socket connection);

  /// Ends it without a word. The name resolution under way may still keep it, and the io_context's
  /// `run`, for as long as the system's resolver takes.
  void abandon();

  /// For the log: the peer's address as far as it is known.
  const std::string& address() const noexcept { return address_; }

private:
  using tcp = boost::asio::ip::tcp;

  void set_deadline(std::chrono::milliseconds patience);
  void connect(std::vector<tcp::endpoint> endpoints);
  void connected();
  void encrypted();
  void say_hello(const uuid& expected);
  void hear_hello();
  void heard(const hello& theirs);
  void succeed();
  void fail(handshake_problem what, std::string detail);
  void finish(outcome out);

  boost::asio::io_context& io_;
  const link_settings settings_;
  const credentials::tls_context tls_;
  link_events& events_; ///< not called any more once `done_` is empty
  std::function<void(outcome)> done_;
  boost::asio::steady_timer deadline_;
  tcp::resolver resolver_;
  tcp::socket connection_;
  std::optional<stream> way_; ///< takes `connection_` over
  bool dialled_ = false;
  dial_target target_;
  std::uint64_t attempt_ = 0;
  std::string address_;
  peer who_;
  hello_bytes in_{};
  hello_bytes out_{};
};

} // namespace troupe::links
