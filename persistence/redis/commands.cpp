#include <algorithm>
#include <csignal>
#include <hiredis/hiredis.h>
#include <random>
#include <unordered_map>

#include "base/log.hpp"
#include "persistence/redis/actors.hpp"
#include "persistence/redis/codec.hpp"

namespace troupe {

std::chrono::milliseconds redis_pause(const redis_setup& setup, std::uint32_t failures) {
  const auto full = std::min(setup.shortest_pause * (std::int64_t{1} << std::min(failures, 20u)),
                             setup.longest_pause);
  thread_local std::minstd_rand random{std::random_device{}()};
  return full / 2 + std::chrono::milliseconds{
                      std::uniform_int_distribution<std::int64_t>{0, full.count() / 2}(random)};
}

namespace {

constexpr std::string_view component = "redis";
constexpr std::chrono::seconds idle_check{1};

// What the actor tells itself: send the batch, connect, look whether an idle connection still
// stands.
using commands_actor =
  redis_actor::extend<caf::result<void>(caf::flush_atom), caf::result<void>(caf::connect_atom),
                      caf::result<void>(caf::tick_atom)>;

struct commands_state {
  commands_state(commands_actor::pointer self, redis_setup setup)
    : self_(self), setup_(std::move(setup)) {}
  ~commands_state() {
    setup_.status->set_up(false);
    setup_.probe->commands_up(false);
  }

  void start() {
    // This thread writes to sockets whose other end may be gone, and hiredis does not ask for the
    // error instead of the signal.
    sigset_t pipe;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe, nullptr);
    self_->send(self_, caf::connect_atom_v);
    self_->delayed_send(self_, idle_check, caf::tick_atom_v);
  }

  void take(redis_request& request) {
    if (!connection_) {
      refuse(request);
      return;
    }
    // The flush stands behind everything that is in the mailbox now, which so gets into the same
    // batch.
    if (batch_.empty()) self_->send(self_, caf::flush_atom_v);
    batch_.push_back(std::move(request));
  }

  void flush() {
    if (batch_.empty()) return;
    auto batch = std::exchange(batch_, {});
    if (!connection_) {
      for (auto& request : batch) refuse(request);
      return;
    }
    const auto began = redis_connection::clock::now();
    const auto deadline = began + setup_.timeout;
    std::vector<std::size_t> commands_of;
    std::size_t commands = 0;
    for (const auto& request : batch) {
      const auto words = redis_codec::encode(request.operation, scripts_, setup_.address.database);
      for (const auto& command : words) connection_->append(command);
      commands_of.push_back(words.size());
      commands += words.size();
    }
    std::size_t answered = 0;
    bool scripts_lost = false;
    std::unordered_map<caf::actor_id, std::pair<redis_client, redis_receipts>> mail;
    for (; answered < batch.size(); ++answered) {
      std::vector<redis_reply> replies;
      while (replies.size() < commands_of[answered]) {
        auto reply = connection_->read(deadline);
        if (!reply) {
          lose(reply.error());
          break;
        }
        scripts_lost = scripts_lost || redis_codec::lacks_script(**reply);
        replies.push_back(std::move(*reply));
      }
      if (!connection_) break;
      auto& request = batch[answered];
      auto& [client, receipts] = mail[request.reply_to->id()];
      client = request.reply_to;
      receipts.items.push_back(receipt_of(request, replies));
    }
    for (auto& [id, letter] : mail) self_->send(letter.first, std::move(letter.second));
    if (answered > 0)
      setup_.probe->batch(answered, commands, redis_connection::clock::now() - began);
    for (auto at = answered; at < batch.size(); ++at) refuse(batch[at]);
    used_ = true;
    if (scripts_lost && connection_) load_scripts();
  }

  void connect() {
    if (connection_) return;
    auto made = redis_connection::open(setup_.address, setup_.connect_timeout, setup_.timeout);
    if (made) {
      connection_ = std::move(*made);
      if (!load_scripts()) return; // which has asked for the next attempt
      failures_ = 0;
      setup_.probe->connected();
      setup_.probe->commands_up(true);
      setup_.status->set_up(true);
      log::info(component, "connected", {{"address", to_string(setup_.address)}});
      return;
    }
    if (failures_ == 0)
      log::warn(component, "unreachable",
                {{"address", to_string(setup_.address)}, {"why", made.error()}});
    self_->delayed_send(self_, redis_pause(setup_, failures_++), caf::connect_atom_v);
  }

  void check_idle() {
    self_->delayed_send(self_, idle_check, caf::tick_atom_v);
    if (!connection_ || std::exchange(used_, false)) return;
    connection_->append({"PING"});
    if (auto reply = connection_->read(redis_connection::clock::now() + setup_.timeout); !reply)
      lose(reply.error());
  }

private:
  /// False when the connection was lost over it.
  bool load_scripts() {
    for (std::size_t at = 0; at < redis_codec::script_count; ++at)
      connection_->append(
        {"SCRIPT", "LOAD",
         std::string{redis_codec::source_of(static_cast<redis_codec::script>(at))}});
    const auto deadline = redis_connection::clock::now() + setup_.connect_timeout;
    for (auto& digest : scripts_) {
      auto reply = connection_->read(deadline);
      if (!reply || (*reply)->type != REDIS_REPLY_STRING) {
        // A Redis that refuses scripts is of no use; hammering it is neither.
        connection_.reset();
        down();
        log::warn(
          component, "scripts_refused",
          {{"why", reply ? std::string_view{"not loaded"} : std::string_view{reply.error()}}});
        self_->delayed_send(self_, redis_pause(setup_, failures_++), caf::connect_atom_v);
        return false;
      }
      digest.assign((*reply)->str, (*reply)->len);
    }
    return true;
  }

  redis_receipt receipt_of(const redis_request& request, std::span<const redis_reply> replies) {
    redis_receipt receipt{.ticket = request.ticket, .answer = {}};
    if (auto answer = redis_codec::decode(request.operation, replies)) {
      receipt.answer = std::move(*answer);
    } else {
      receipt.why = std::move(answer.error());
      setup_.probe->failed(1);
      for (const auto& reply : replies)
        if (reply->type == REDIS_REPLY_ERROR)
          log::debug(component, "refused", {{"why", std::string_view{reply->str, reply->len}}});
    }
    return receipt;
  }

  void refuse(const redis_request& request) {
    setup_.probe->failed(1);
    redis_receipts mail;
    mail.items.push_back({.ticket = request.ticket,
                          .answer = {},
                          .why = {errc::storage_unavailable, "the cache is out of reach", {}, {}}});
    self_->send(request.reply_to, std::move(mail));
  }

  void down() {
    setup_.status->set_up(false);
    setup_.probe->commands_up(false);
  }

  void lose(std::string_view why) {
    connection_.reset();
    down();
    log::warn(component, "lost", {{"address", to_string(setup_.address)}, {"why", why}});
    self_->send(self_, caf::connect_atom_v); // a restarted Redis is back at once
  }

  commands_actor::pointer self_;
  redis_setup setup_;
  std::optional<redis_connection> connection_;
  redis_codec::script_digests scripts_;
  std::vector<redis_request> batch_;
  std::uint32_t failures_ = 0; ///< to connect, in a row
  bool used_ = false;          ///< since the last look at an idle connection
};

commands_actor::behavior_type commands_behavior(
  commands_actor::stateful_pointer<std::unique_ptr<commands_state>> self, redis_setup setup) {
  self->state = std::make_unique<commands_state>(self, std::move(setup));
  self->state->start();
  return {
    [self](redis_request& request) { self->state->take(request); },
    [self](caf::flush_atom) { self->state->flush(); },
    [self](caf::connect_atom) { self->state->connect(); },
    [self](caf::tick_atom) { self->state->check_idle(); },
  };
}

} // namespace

redis_actor spawn_redis(caf::actor_system& system, redis_setup setup) {
  return caf::actor_cast<redis_actor>(
    system.spawn<caf::detached>(commands_behavior, std::move(setup)));
}

} // namespace troupe
