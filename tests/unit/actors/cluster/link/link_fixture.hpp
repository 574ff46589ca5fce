#pragma once

#include <doctest/doctest.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "actors/cluster/link/link_hub.hpp"
#include "tests/unit/actors/cluster/link/certified.hpp"

namespace troupe::links {

inline uuid incarnation(std::uint8_t number) {
  uuid out;
  out.bytes[0] = number;
  return out;
}

inline std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span{text});
}

/// Runs what is ready until `reached`, at most half a minute; everything of a test runs in this thread.
template <class Condition>
void run_until(boost::asio::io_context& io, Condition reached) {
  auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{30};
  while (!reached() && std::chrono::steady_clock::now() < deadline) {
    if (io.stopped()) io.restart();
    io.run_one_until(deadline);
  }
  REQUIRE(reached());
}

/// A node as its user sees it: keeps what it was told. Echoes frames when asked to.
class node final : public link_events {
public:
  node(boost::asio::io_context& io, std::uint8_t number, std::shared_ptr<credentials> own,
       const std::function<void(link_settings&)>& change = {})
    : own_(own) {
    link_settings settings;
    settings.cluster = incarnation(255);
    settings.incarnation = incarnation(number);
    settings.plain = own == nullptr;
    if (change) change(settings);
    auto made = link_hub::make(io, settings, std::move(own), *this);
    REQUIRE(made);
    hub = *made;
    REQUIRE(hub->listen("127.0.0.1", 0));
  }
  ~node() override { hub->stop(); }

  bool accepts(const peer& who) override { return !accept || accept(who); }
  void on_up(const link_ptr& which) override {
    story.push_back("up");
    ups.push_back(which);
    if (pauses) which->pause();
  }
  void on_frame(link& which, std::span<const std::byte> payload) override {
    ++frames;
    bytes += payload.size();
    if (heard) heard(payload);
    if (echoes) CHECK(which.send(payload) == send_result::queued);
  }
  void on_down(const link_ptr&, link_end why) override {
    story.push_back(std::string{to_string(why)});
  }

  fingerprint own() const { return own_->own(); }

  std::shared_ptr<link_hub> hub;
  std::function<bool(const peer&)> accept;
  std::function<void(std::span<const std::byte>)> heard;
  bool echoes = false;
  bool pauses = false;
  std::vector<link_ptr> ups;
  std::vector<std::string> story; ///< "up" and why links ended, in order
  std::size_t frames = 0;
  std::size_t bytes = 0;

private:
  std::shared_ptr<credentials> own_;
};

using story = std::vector<std::string>;

struct link_fixture {
  using dial_result = std::expected<link_ptr, handshake_failure>;

  /// Dials and waits for the outcome.
  dial_result dial(node& from, dial_target target) {
    std::optional<dial_result> got;
    from.hub->dial(std::move(target), [&](dial_result out) { got = std::move(out); });
    run_until(io, [&] { return got.has_value(); });
    return *got;
  }
  dial_result dial(node& from, node& to, std::uint8_t number) {
    return dial(from, {"127.0.0.1", to.hub->port(), incarnation(number)});
  }

  /// A link of both, or the test ends.
  link_ptr connect(node& from, node& to, std::uint8_t number) {
    auto before = to.ups.size();
    auto got = dial(from, to, number);
    REQUIRE(got);
    run_until(io, [&] { return to.ups.size() > before; });
    return *got;
  }

  boost::asio::ip::tcp::endpoint address_of(node& to) {
    return {boost::asio::ip::address_v4::loopback(), to.hub->port()};
  }

  boost::asio::io_context io{1};
  certified there;
};

/// The dialling side of a handshake without anything behind it: a peer that neither pings nor reads, or
/// one with credentials that a node would not use.
class bare_peer {
public:
  bare_peer(boost::asio::io_context& io, credentials::tls_context tls, std::uint8_t number)
    : settings_(make_settings(number)),
      handshake_(std::make_shared<handshake>(io, settings_, std::move(tls), anybody_,
                                             [this](handshake::outcome out) {
                                               done = true;
                                               if (out)
                                                 made = std::move(*out);
                                               else
                                                 problem = out.error().what;
                                             })) {}
  ~bare_peer() { handshake_->abandon(); }

  void dial(std::uint16_t port, std::uint8_t number, std::uint64_t attempt = 1) {
    handshake_->dial({"127.0.0.1", port, incarnation(number)}, attempt);
  }
  void accept(boost::asio::ip::tcp::socket connection) {
    handshake_->accept(std::move(connection));
  }

  bool done = false;
  std::optional<handshake::success> made;
  std::optional<handshake_problem> problem;

private:
  class everybody final : public link_events {
    bool accepts(const peer&) override { return true; }
    void on_up(const link_ptr&) override {}
    void on_frame(link&, std::span<const std::byte>) override {}
    void on_down(const link_ptr&, link_end) override {}
  };

  static link_settings make_settings(std::uint8_t number) {
    link_settings out;
    out.cluster = incarnation(255);
    out.incarnation = incarnation(number);
    return out;
  }

  link_settings settings_;
  everybody anybody_;
  std::shared_ptr<handshake> handshake_;
};

} // namespace troupe::links
