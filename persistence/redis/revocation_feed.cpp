#include <csignal>
#include <hiredis/hiredis.h>

#include "base/log.hpp"
#include "persistence/redis/actors.hpp"
#include "persistence/redis/codec.hpp"

namespace troupe {

namespace {

constexpr std::string_view component = "revocations";
constexpr std::chrono::milliseconds patience{200}; ///< also how late the actor may notice its end
constexpr std::chrono::seconds ping_after{5};
constexpr std::chrono::seconds silence{10};

struct feed_state {
  using clock = redis_connection::clock;

  feed_state(caf::event_based_actor* self, redis_setup setup, revocation_listener listener)
    : self_(self),
      setup_(std::move(setup)),
      listener_(std::move(listener)),
      channel_(redis_codec::revocation_channel(setup_.address.database)) {}
  ~feed_state() { down(); }

  void start() {
    sigset_t pipe; // as for the commands' connection
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe, nullptr);
    self_->monitor(listener_);
    self_->send(self_, caf::connect_atom_v);
  }

  void connect() {
    auto made = redis_connection::open(setup_.address, setup_.connect_timeout, setup_.timeout);
    if (!made) {
      if (failures_ == 0) log::warn(component, "unreachable", {{"why", made.error()}});
      self_->delayed_send(self_, redis_pause(setup_, failures_++), caf::connect_atom_v);
      return;
    }
    connection_ = std::move(*made);
    connection_->append({"SUBSCRIBE", channel_});
    heard_at_ = clock::now();
    pinged_ = false;
    self_->send(self_, caf::tick_atom_v);
    if (auto sent = connection_->send(); !sent) lose(sent.error());
  }

  /// Waits a little for a message, then lets the mailbox have its turn.
  void listen() {
    if (!connection_) return;
    auto reply = connection_->wait(patience);
    const auto now = clock::now();
    if (!reply) {
      lose(reply.error());
      return;
    }
    if (*reply) {
      heard_at_ = now;
      pinged_ = false;
      hear(**reply);
    } else if (now - heard_at_ > silence) {
      lose("silence");
      return;
    } else if (now - heard_at_ > ping_after && !pinged_) {
      pinged_ = true;
      connection_->append({"PING"});
      if (auto sent = connection_->send(); !sent) {
        lose(sent.error());
        return;
      }
    }
    self_->send(self_, caf::tick_atom_v);
  }

private:
  static std::string_view text_of(const redisReply* reply) {
    return reply->type == REDIS_REPLY_STRING ? std::string_view{reply->str, reply->len}
                                             : std::string_view{};
  }

  void hear(const redis_reply& reply) {
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements < 2) return;
    const auto what = text_of(reply->element[0]);
    if (what == "subscribe") {
      failures_ = 0;
      setup_.status->set_hears_revocations(true);
      setup_.probe->revocations_up(true);
      log::info(component, "listening", {{"address", to_string(setup_.address)}});
      self_->send(listener_, revocation_feed_restored{});
    } else if (what == "message" && reply->elements == 3) {
      if (auto heard = redis_codec::decode_revocations(text_of(reply->element[2])))
        self_->send(listener_, std::move(*heard));
      else
        log::warn(component, "garbled_message");
    }
  }

  void down() {
    setup_.status->set_hears_revocations(false);
    setup_.probe->revocations_up(false);
  }

  void lose(std::string_view why) {
    connection_.reset();
    down();
    log::warn(component, "lost", {{"why", why}});
    self_->delayed_send(self_, redis_pause(setup_, failures_++), caf::connect_atom_v);
  }

  caf::event_based_actor* self_;
  redis_setup setup_;
  revocation_listener listener_;
  std::string channel_;
  std::optional<redis_connection> connection_;
  clock::time_point heard_at_;
  bool pinged_ = false; ///< since something was heard
  std::uint32_t failures_ = 0;
};

caf::behavior feed_behavior(caf::stateful_actor<std::unique_ptr<feed_state>>* self,
                            redis_setup setup, revocation_listener listener) {
  self->state = std::make_unique<feed_state>(self, std::move(setup), std::move(listener));
  self->set_down_handler([self](const caf::down_msg&) { self->quit(); });
  self->state->start();
  return {
    [self](caf::connect_atom) { self->state->connect(); },
    [self](caf::tick_atom) { self->state->listen(); },
  };
}

} // namespace

caf::actor spawn_revocation_feed(caf::actor_system& system, redis_setup setup,
                                 revocation_listener listener) {
  return system.spawn<caf::detached>(feed_behavior, std::move(setup), std::move(listener));
}

} // namespace troupe
