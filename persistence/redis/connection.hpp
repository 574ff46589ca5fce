#pragma once

#include <chrono>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "persistence/redis/address.hpp"

struct redisContext;
struct redisReply;

namespace troupe {

struct redis_reply_deleter {
  void operator()(redisReply* reply) const noexcept;
};
using redis_reply = std::unique_ptr<redisReply, redis_reply_deleter>;

/// One blocking connection to Redis, for the thread of the actor that owns it. After any error it
/// is of no more use: what was sent may have been done or not. Errors are for logs only.
class redis_connection {
public:
  using clock = std::chrono::steady_clock;
  using command = std::vector<std::string>;

  /// Connects, speaks TLS, introduces itself and selects the database; takes up to three times
  /// `connect_timeout`, besides the resolver's time. Later reads and writes wait `command_timeout`.
  static std::expected<redis_connection, std::string> open(
    const redis_address& address, std::chrono::milliseconds connect_timeout,
    std::chrono::milliseconds command_timeout);

  /// Queues a command; nothing is sent before the next `read` or `send`.
  void append(const command& words);

  /// Sends what is queued.
  std::expected<void, std::string> send();

  /// The reply to the oldest command without one. Sends what is queued first.
  std::expected<redis_reply, std::string> read(clock::time_point deadline);

  /// Waits for something that was not asked for (a published message); nothing after `patience`.
  std::expected<std::optional<redis_reply>, std::string> wait(std::chrono::milliseconds patience);

private:
  struct context_deleter {
    void operator()(redisContext* context) const noexcept;
  };
  using context_ptr = std::unique_ptr<redisContext, context_deleter>;

  explicit redis_connection(context_ptr context) noexcept : context_(std::move(context)) {}

  std::string why() const;
  std::expected<void, std::string> speak_tls(const redis_address& address);
  std::expected<void, std::string> introduce(const redis_address& address,
                                             std::chrono::milliseconds timeout);

  context_ptr context_;
};

} // namespace troupe
