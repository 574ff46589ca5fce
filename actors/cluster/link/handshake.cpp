#include "actors/cluster/link/handshake.hpp"

#include <boost/asio/connect.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/error.hpp>

#include <algorithm>
#include <utility>

#include "actors/cluster/link/openssl.hpp"

namespace troupe::links {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

std::string text_of(const asio::ip::tcp::endpoint& endpoint) {
  auto address = endpoint.address().to_string();
  if (endpoint.address().is_v6()) address = '[' + address + ']';
  return address + ':' + std::to_string(endpoint.port());
}

/// In TLS 1.3 the dialling side has finished its handshake before the other has seen its certificate, so
/// the refusal comes as an error of the first read.
handshake_problem problem_of(error_code error) {
  return error.category() == asio::error::get_ssl_category() ? handshake_problem::untrusted
                                                             : handshake_problem::unreachable;
}

} // namespace

std::string_view to_string(handshake_problem what) noexcept {
  switch (what) {
    case handshake_problem::unreachable: return "unreachable";
    case handshake_problem::timed_out: return "timed_out";
    case handshake_problem::untrusted: return "untrusted";
    case handshake_problem::foreign: return "foreign";
    case handshake_problem::refused: return "refused";
    case handshake_problem::outdated: return "outdated";
    case handshake_problem::stopped: return "stopped";
  }
  return "unknown";
}

handshake::handshake(asio::io_context& io, const link_settings& settings,
                     credentials::tls_context tls, link_events& events,
                     std::function<void(outcome)> done)
  : io_(io),
    settings_(settings),
    tls_(std::move(tls)),
    events_(events),
    done_(std::move(done)),
    deadline_(io),
    resolver_(io),
    connection_(io) {}

void handshake::set_deadline(std::chrono::milliseconds patience) {
  deadline_.expires_after(patience);
  deadline_.async_wait([self = shared_from_this()](error_code error) {
    if (!error) self->fail(handshake_problem::timed_out, "the handshake took too long");
  });
}

// -- the connection ---------------------------------------------------------------------------------

void handshake::dial(dial_target target, std::uint64_t attempt) {
  dialled_ = true;
  target_ = std::move(target);
  attempt_ = attempt;
  address_ = target_.host + ':' + std::to_string(target_.port);
  set_deadline(settings_.dial_timeout);
  error_code no_address;
  auto address = asio::ip::make_address(target_.host, no_address);
  if (!no_address) return connect({{address, target_.port}});
  resolver_.async_resolve(
    target_.host, std::to_string(target_.port), tcp::resolver::numeric_service,
    [self = shared_from_this()](error_code error, const tcp::resolver::results_type& found) {
      if (!self->done_) return;
      if (error) return self->fail(handshake_problem::unreachable, error.message());
      self->connect({found.begin(), found.end()});
    });
}

void handshake::connect(std::vector<tcp::endpoint> endpoints) {
  if (!tls_)
    std::erase_if(endpoints, [](const auto& each) { return !each.address().is_loopback(); });
  if (endpoints.empty()) {
    // not from within `dial`
    asio::post(io_, [self = shared_from_this()] {
      self->fail(handshake_problem::refused, "without TLS only loopback addresses are allowed");
    });
    return;
  }
  asio::async_connect(connection_, endpoints,
                      [self = shared_from_this()](error_code error, const tcp::endpoint&) {
                        if (!self->done_) return;
                        if (error)
                          self->fail(handshake_problem::unreachable, error.message());
                        else
                          self->connected();
                      });
}

void handshake::accept(stream::socket connection) {
  connection_ = std::move(connection);
  set_deadline(settings_.handshake_timeout);
  asio::post(io_, [self = shared_from_this()] {
    if (self->done_) self->connected();
  });
}

void handshake::connected() {
  error_code error;
  auto remote = connection_.remote_endpoint(error);
  // a frame is small and waits for nobody
  if (!error) connection_.set_option(tcp::no_delay{true}, error);
  if (error) return fail(handshake_problem::unreachable, error.message());
  address_ = text_of(remote);
  if (!tls_) {
    if (!remote.address().is_loopback())
      return fail(handshake_problem::refused, "without TLS only loopback addresses are allowed");
    way_.emplace(std::move(connection_));
    return encrypted();
  }
  try {
    way_.emplace(std::move(connection_), *tls_);
  } catch (const boost::system::system_error& thrown) {
    return fail(handshake_problem::untrusted, thrown.code().message());
  }
  way_->encrypted()->async_handshake(dialled_ ? asio::ssl::stream_base::client
                                              : asio::ssl::stream_base::server,
                                     [self = shared_from_this()](error_code failed) {
                                       if (!self->done_) return;
                                       if (failed)
                                         self->fail(handshake_problem::untrusted, failed.message());
                                       else
                                         self->encrypted();
                                     });
}

// -- the hellos -------------------------------------------------------------------------------------

void handshake::encrypted() {
  who_.certificate = way_->peer_certificate();
  who_.address = address_;
  if (tls_ && !who_.certificate)
    return fail(handshake_problem::untrusted, "the peer showed no certificate");
  if (dialled_)
    say_hello(target_.incarnation);
  else
    hear_hello();
}

void handshake::say_hello(const uuid& expected) {
  out_ = encode(
    hello{protocol_version, settings_.cluster, settings_.incarnation, expected, attempt_});
  way_->async_write({out_.data(), out_.size()},
                    [self = shared_from_this()](error_code error, std::size_t) {
                      if (!self->done_) return;
                      if (error)
                        self->fail(problem_of(error), error.message());
                      else if (self->dialled_)
                        self->hear_hello();
                      else
                        self->succeed();
                    });
}

void handshake::hear_hello() {
  way_->async_read({in_.data(), in_.size()},
                   [self = shared_from_this()](error_code error, std::size_t) {
                     if (!self->done_) return;
                     if (error) return self->fail(problem_of(error), error.message());
                     auto theirs = decode_hello(self->in_);
                     if (theirs)
                       self->heard(*theirs);
                     else
                       self->fail(handshake_problem::foreign, "the peer speaks something else");
                   });
}

void handshake::heard(const hello& theirs) {
  if (theirs.version != protocol_version)
    return fail(handshake_problem::foreign,
                "the peer speaks version " + std::to_string(theirs.version));
  if (theirs.cluster != settings_.cluster)
    return fail(handshake_problem::foreign, "the peer belongs to another cluster");
  who_.incarnation = theirs.incarnation;
  if (dialled_ && theirs.incarnation != target_.incarnation)
    return fail(handshake_problem::refused, "another incarnation answered");
  if (!dialled_ && theirs.expected != settings_.incarnation)
    return fail(handshake_problem::refused, "the peer looks for another incarnation");
  if (!dialled_ && !(theirs.incarnation < settings_.incarnation))
    return fail(handshake_problem::refused,
                "of two nodes the one with the lower incarnation dials");
  if (!events_.accepts(who_))
    return fail(handshake_problem::refused,
                "no member with incarnation " + to_string(who_.incarnation) + " and certificate " +
                  (who_.certificate ? to_string(*who_.certificate) : std::string{"none"}));
  if (dialled_) return succeed();
  attempt_ = theirs.attempt;
  say_hello({});
}

// -- the end ----------------------------------------------------------------------------------------

void handshake::succeed() { finish(success{std::move(*way_), std::move(who_), attempt_}); }

void handshake::fail(handshake_problem what, std::string detail) {
  finish(std::unexpected(handshake_failure{what, std::move(detail)}));
}

void handshake::finish(outcome out) {
  auto done = std::exchange(done_, nullptr);
  if (!done) return;
  abandon();
  done(std::move(out));
}

void handshake::abandon() {
  done_ = nullptr;
  deadline_.cancel();
  resolver_.cancel();
  error_code ignored;
  connection_.close(ignored);
  // A stream that was handed on has no open connection any more: closing it does nothing.
  if (way_) way_->cut();
}

} // namespace troupe::links
