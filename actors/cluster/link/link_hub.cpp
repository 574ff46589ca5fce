#include "actors/cluster/link/link_hub.hpp"

#include <boost/asio/post.hpp>

#include <utility>

#include "base/log.hpp"

namespace troupe::links {

namespace asio = boost::asio;
using boost::system::error_code;
using namespace std::chrono_literals;

namespace {

constexpr auto accept_pause = 100ms;    // when the system has no descriptor left
constexpr auto complaint_interval = 1s; // a port scan must not fill the log

} // namespace

result<std::shared_ptr<link_hub>> link_hub::make(asio::io_context& io, link_settings settings,
                                                 std::shared_ptr<credentials> own,
                                                 link_events& events) {
  if (settings.plain != (own == nullptr))
    return fail(errc::invalid_field, "links need a certificate unless they are plain");
  for (auto time : {settings.dial_timeout, settings.handshake_timeout, settings.ping_interval,
                    settings.ping_timeout, settings.close_timeout})
    if (time <= 0ms) return fail(errc::invalid_field, "a time of the links is not positive");
  if (settings.max_handshakes == 0 || settings.max_frame == 0)
    return fail(errc::invalid_field, "a bound of the links is 0");
  if (settings.max_queue < settings.max_frame + frame_header_size)
    return fail(errc::invalid_field, "the largest frame does not fit into a link's queue");
  return std::shared_ptr<link_hub>{new link_hub{io, std::move(settings), std::move(own), events}};
}

link_hub::link_hub(asio::io_context& io, link_settings settings, std::shared_ptr<credentials> own,
                   link_events& events)
  : io_(io),
    settings_(std::move(settings)),
    own_(std::move(own)),
    events_(events),
    acceptor_(io),
    retry_(io) {}

// -- accepting --------------------------------------------------------------------------------------

result<void> link_hub::listen(const std::string& address, std::uint16_t port) {
  error_code error;
  auto where = asio::ip::make_address(address, error);
  if (error) return fail(errc::invalid_field, address + " is no IP address");
  if (settings_.plain && !where.is_loopback())
    return fail(errc::invalid_field, "without TLS links need a loopback address");
  tcp::endpoint endpoint{where, port};
  acceptor_.open(endpoint.protocol(), error);
  if (!error) acceptor_.set_option(tcp::acceptor::reuse_address{true}, error);
  if (!error) acceptor_.bind(endpoint, error);
  if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
  if (!error) port_ = acceptor_.local_endpoint(error).port();
  if (error) {
    error_code ignored;
    acceptor_.close(ignored);
    return fail(errc::internal, "cannot listen on " + address + ": " + error.message());
  }
  accept_next();
  return {};
}

void link_hub::accept_next() {
  if (accepting_ || stopped_ || !acceptor_.is_open() ||
      incoming_.size() >= settings_.max_handshakes)
    return;
  accepting_ = true;
  acceptor_.async_accept([self = shared_from_this()](error_code error, tcp::socket connection) {
    self->accepting_ = false;
    if (self->stopped_) return;
    if (!error) {
      self->accepted(std::move(connection));
      return self->accept_next();
    }
    if (error == asio::error::connection_aborted) return self->accept_next();
    log::error("link", "accept_failed", {{"detail", error.message()}});
    self->retry_.expires_after(accept_pause);
    self->retry_.async_wait([self](error_code cancelled) {
      if (!cancelled) self->accept_next();
    });
  });
}

void link_hub::accepted(tcp::socket connection) {
  ++accepted_;
  // the handler must not own the handshake that owns it
  auto which = std::make_shared<std::weak_ptr<handshake>>();
  auto one = begin([self = shared_from_this(), which](handshake::outcome out) {
    auto finished = which->lock();
    self->incoming_.erase(finished);
    if (out) {
      if (auto up = self->take(std::move(*out)); !up)
        self->complain(finished->address(), up.error());
    } else {
      self->complain(finished->address(), out.error());
    }
    self->accept_next();
  });
  *which = one;
  incoming_.insert(one);
  one->accept(std::move(connection));
}

// -- dialling ---------------------------------------------------------------------------------------

void link_hub::dial(dial_target target, dialled done) {
  auto refuse = [&](handshake_problem what, std::string detail) {
    asio::post(io_, [done = std::move(done), self = shared_from_this(),
                     why = handshake_failure{what, std::move(detail)}] {
      if (!self->stopped_) done(std::unexpected(why));
    });
  };
  if (stopped_) return;
  if (!has_to_dial(target.incarnation))
    return refuse(handshake_problem::refused,
                  "this peer has to dial: its incarnation is the lower");
  auto which = std::make_shared<std::weak_ptr<handshake>>();
  auto one = begin([self = shared_from_this(), which, done](handshake::outcome out) {
    auto finished = which->lock();
    self->outgoing_.erase(finished);
    std::expected<link_ptr, handshake_failure> up;
    if (out)
      up = self->take(std::move(*out));
    else
      up = std::unexpected(std::move(out.error()));
    if (!up) self->complain(finished->address(), up.error());
    if (!self->stopped_) done(std::move(up));
  });
  *which = one;
  outgoing_.insert(one);
  one->dial(std::move(target), ++attempts_);
}

std::shared_ptr<handshake> link_hub::begin(std::function<void(handshake::outcome)> done) {
  return std::make_shared<handshake>(io_, settings_, own_ ? own_->context() : nullptr, events_,
                                     std::move(done));
}

// -- links ------------------------------------------------------------------------------------------

std::expected<link_ptr, handshake_failure> link_hub::take(handshake::success made) {
  auto incarnation = made.who.incarnation;
  auto outdated = [&] {
    auto old = find(incarnation);
    return old && old->attempt() > made.attempt;
  };
  // The old link's end is reported before the new one is: whoever keeps state per link never sees two.
  if (auto old = find(incarnation); old && !outdated()) old->end(link_end::replaced);
  // what was told the end may have stopped the hub
  if (stopped_) return std::unexpected(handshake_failure{handshake_problem::stopped, {}});
  if (outdated())
    return std::unexpected(
      handshake_failure{handshake_problem::outdated, "a newer link of this peer is up"});
  auto up = std::make_shared<link>(std::move(made.way), std::move(made.who), made.attempt,
                                   settings_, events_,
                                   [weak = weak_from_this()](const link_ptr& which, link_end why) {
                                     if (auto self = weak.lock()) self->ended(which, why);
                                   });
  links_[incarnation] = up;
  const auto& who = up->who();
  log::info("link", "up",
            {{"peer", to_string(incarnation)},
             {"address", who.address},
             {"certificate", who.certificate ? to_string(*who.certificate) : std::string{"none"}}});
  up->start();
  events_.on_up(up);
  return up;
}

void link_hub::ended(const link_ptr& which, link_end why) {
  links_.erase(which->who().incarnation);
  log::info("link", "down",
            {{"peer", to_string(which->who().incarnation)},
             {"address", which->who().address},
             {"why", to_string(why)}});
  events_.on_down(which, why);
}

link_ptr link_hub::find(const uuid& incarnation) const {
  auto found = links_.find(incarnation);
  return found == links_.end() ? nullptr : found->second;
}

link_hub::counts link_hub::count() const {
  return {accepted_, failed_, incoming_.size(), links_.size()};
}

void link_hub::complain(const std::string& address, const handshake_failure& why) {
  ++failed_;
  auto now = std::chrono::steady_clock::now();
  if (now < next_complaint_) {
    ++unsaid_;
    return;
  }
  next_complaint_ = now + complaint_interval;
  log::warn("link", "handshake_failed",
            {{"address", address},
             {"problem", to_string(why.what)},
             {"detail", why.detail},
             {"more", std::exchange(unsaid_, 0)}});
}

void link_hub::stop() {
  if (stopped_) return;
  stopped_ = true;
  error_code ignored;
  acceptor_.close(ignored);
  retry_.cancel();
  for (auto* each : {&incoming_, &outgoing_})
    for (const auto& one : std::exchange(*each, {})) one->abandon();
  for (const auto& [incarnation, one] : std::exchange(links_, {})) one->end(link_end::stopped);
}

} // namespace troupe::links
