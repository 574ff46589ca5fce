#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "actors/cluster/link/credentials.hpp"
#include "actors/cluster/link/handshake.hpp"
#include "actors/cluster/link/link.hpp"
#include "actors/cluster/link/settings.hpp"
#include "base/error.hpp"

namespace troupe::links {

/// All links of this node: listens, dials, and keeps one link for each peer, the newest. Of two nodes only
/// the one with the lower incarnation dials, so that two that want each other at the same time do not
/// end with none. A handshake that fails, whatever the reason, touches no link.
///
/// One per node. All functions are for the thread of the io_context, which must be run by one thread.
/// `stop` before the events' owner goes.
class link_hub : public std::enable_shared_from_this<link_hub> {
public:
  using dialled = std::function<void(std::expected<link_ptr, handshake_failure>)>;

  struct counts {
    std::uint64_t accepted = 0; ///< connections
    std::uint64_t failed = 0;   ///< handshakes of accepted and dialled connections
    std::size_t handshakes = 0; ///< under way, of accepted connections
    std::size_t links = 0;      ///< up
  };

  /// `own` is null exactly when `settings.plain`. Error: `invalid_field` when that does not hold or when the
  /// sizes and times make no sense.
  static result<std::shared_ptr<link_hub>> make(boost::asio::io_context& io, link_settings settings,
                                                std::shared_ptr<credentials> own,
                                                link_events& events);

  /// Opens the port; 0 takes a free one. Once. Errors: `invalid_field` for what is no IP address, or no
  /// loopback address though there is no TLS; `internal` with the system's reason.
  result<void> listen(const std::string& address, std::uint16_t port);

  /// Of `listen`.
  std::uint16_t port() const noexcept { return port_; }

  /// Whether this node, and not the peer, has to dial.
  bool has_to_dial(const uuid& peer) const noexcept { return settings_.incarnation < peer; }

  /// Brings up a link; a present one of that peer is replaced when it succeeds. `done` comes once, after
  /// `dial` returned and after `on_up`; after `stop` it does not come any more.
  void dial(dial_target target, dialled done);

  /// The peer's link, or null.
  link_ptr find(const uuid& incarnation) const;

  counts count() const;

  /// Closes the port and ends handshakes and links. Afterwards no event comes.
  void stop();

private:
  using tcp = boost::asio::ip::tcp;

  link_hub(boost::asio::io_context& io, link_settings settings, std::shared_ptr<credentials> own,
           link_events& events);

  void accept_next();
  void accepted(tcp::socket connection);
  std::shared_ptr<handshake> begin(std::function<void(handshake::outcome)> done);
  std::expected<link_ptr, handshake_failure> take(handshake::success made);
  void ended(const link_ptr& which, link_end why);
  void complain(const std::string& address, const handshake_failure& why);

  boost::asio::io_context& io_;
  const link_settings settings_;
  const std::shared_ptr<credentials> own_;
  link_events& events_;
  tcp::acceptor acceptor_;
  boost::asio::steady_timer retry_;
  std::uint16_t port_ = 0;
  bool accepting_ = false;
  bool stopped_ = false;
  std::uint64_t attempts_ = 0;
  std::uint64_t accepted_ = 0;
  std::uint64_t failed_ = 0;
  std::unordered_set<std::shared_ptr<handshake>> incoming_;
  std::unordered_set<std::shared_ptr<handshake>> outgoing_;
  std::unordered_map<uuid, link_ptr> links_;
  std::chrono::steady_clock::time_point next_complaint_{};
  std::uint64_t unsaid_ = 0; ///< complaints since the last one
};

} // namespace troupe::links
