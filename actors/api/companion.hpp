#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <caf/all.hpp>

namespace troupe {

/// An actor without a scheduler: what is sent to it is collected on a lock-free list and handled on the
/// thread of an io_context, many messages per wake-up. The way from actors to code that runs on Asio.
/// Made, closed and destroyed on the io_context's thread (or while that does not run); anybody may send.
class companion {
public:
  /// Gets each message in the order in which they came.
  using handler = std::function<void(caf::mailbox_element&)>;
  /// After the last message of a wake-up.
  using turn_end = std::function<void()>;

  companion(caf::actor_system& system, boost::asio::io_context& io, handler handle,
            turn_end end = {});
  ~companion();
  companion(const companion&) = delete;
  companion& operator=(const companion&) = delete;

  /// What others send to. It ends with the companion.
  const caf::strong_actor_ptr& address() const noexcept { return address_; }

  /// One more address. What is sent there is handled like the rest and has the address as its last
  /// stage.
  caf::strong_actor_ptr add_address();

  /// Sends `content` to `to` with the companion as its sender. With a request's id the answer comes back
  /// with that id's response id.
  void send(const caf::strong_actor_ptr& to, caf::message_id id, caf::message content) const;

private:
  class inbox;
  caf::actor_system& system_;
  std::shared_ptr<inbox> inbox_;
  caf::strong_actor_ptr address_;
  std::vector<caf::strong_actor_ptr> more_;
};

} // namespace troupe
