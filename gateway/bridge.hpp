#pragma once

#include <atomic>
#include <chrono>
#include <coroutine>
#include <cstdint>
#include <memory>
#include <type_traits>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <caf/all.hpp>

#include "actors/api/call.hpp"
#include "actors/api/companion.hpp"
#include "actors/api/errors.hpp"
#include "actors/api/router.hpp"
#include "base/error.hpp"

namespace troupe::gateway {

namespace bridge_detail {

template <class List>
struct only_of;
template <class T>
struct only_of<caf::detail::type_list<T>> {
  using type = T;
};
template <>
struct only_of<caf::detail::type_list<>> {
  using type = void;
};

/// What an actor answers to a message, as its interface says.
template <class Actor, class... Args>
using answer_of =
  typename only_of<caf::response_type_t<typename Actor::signatures, std::decay_t<Args>...>>::type;

} // namespace bridge_detail

/// The way from the coroutines of one io_context to actors and back. One per gateway thread and
/// only for that thread. Replies arrive at a hidden companion actor, are collected on a lock-free
/// list and resume the waiting coroutines on the io_context's thread, many per wake-up. Requests
/// are numbered in a table of fixed size; a reply whose number is no longer there is dropped. CAF's
/// own requests are not used: each costs a timer and a place in a linear vector.
class bridge {
public:
  using clock = std::chrono::steady_clock;

  /// A request under way: who waits for it and what its answer is made of.
  class pending {
  public:
    /// Takes the answer, right before the waiting coroutine is resumed. False when the request went
    /// on to `again_at` instead, with `again`.
    virtual bool take(caf::message& content) noexcept = 0;
    virtual const caf::strong_actor_ptr& again_at() const noexcept = 0;
    virtual caf::message again() = 0;
    virtual void fail_with(failure why) noexcept = 0;

    virtual ~pending() = default;

  private:
    friend class bridge;
    std::coroutine_handle<> waiting_;
  };

  template <class R>
  class request;

  /// `max_pending`: beyond it requests are `overloaded`.
  bridge(caf::actor_system& system, boost::asio::io_context& io, std::uint32_t max_pending);
  bridge(const bridge&) = delete;
  bridge& operator=(const bridge&) = delete;

  /// Sends `args` to `to`; await what it gives: a `result` of the actor's answer, `timed_out` when
  /// there was none by `deadline`, `overloaded` when too many wait already.
  template <class Actor, class... Args>
  auto ask(const Actor& to, clock::time_point deadline, Args&&... args) {
    using answer = bridge_detail::answer_of<Actor, Args...>;
    return request<answer>{*this, caf::actor_cast<caf::strong_actor_ptr>(to), deadline,
                           caf::make_message(std::forward<Args>(args)...)};
  }

  /// The same for a shard. When the actor that has it no longer owns it, the request goes on to where
  /// the owner is, within the same deadline.
  template <class Actor, class Message>
  auto ask_shard(const shard_route& to, clock::time_point deadline, const call& c,
                 Message&& message) {
    using answer = bridge_detail::answer_of<Actor, call, std::decay_t<Message>>;
    return request<answer>{*this, to.first, deadline,
                           caf::make_message(c, std::forward<Message>(message)), to.elsewhere};
  }

  /// Sends without waiting for anything.
  template <class Actor, class... Args>
  void tell(const Actor& to, Args&&... args) {
    sink_.send(caf::actor_cast<caf::strong_actor_ptr>(to), {},
               caf::make_message(std::forward<Args>(args)...));
  }

  /// Fails what is past its deadline. Call every few hundredths of a second.
  void expire(clock::time_point now);

  /// Fails everything that waits, for the end of the thread.
  void fail_all(errc why);

  std::uint32_t pending_count() const noexcept { return count_.load(std::memory_order_relaxed); }
  std::uint64_t late_answers() const noexcept { return late_.load(std::memory_order_relaxed); }
  std::uint64_t timed_out() const noexcept { return timed_out_.load(std::memory_order_relaxed); }

private:
  struct slot {
    pending* waiting = nullptr;
    std::uint32_t generation = 0;
    std::uint32_t next_free = 0;
    clock::time_point deadline;
  };

  /// False when the table is full; the request is then not sent.
  bool submit(pending& waiting, std::coroutine_handle<> resume, caf::strong_actor_ptr to,
              clock::time_point deadline, caf::message content);
  void answered(caf::mailbox_element& element);
  pending* remove(std::uint32_t index) noexcept;

  companion sink_;
  std::vector<slot> slots_;
  std::uint32_t first_free_ = 0;
  std::uint32_t used_ = 0; ///< slots at and after it were never used
  // Written by this thread only; read by whoever collects metrics.
  std::atomic<std::uint32_t> count_{0};
  std::atomic<std::uint64_t> late_{0};
  std::atomic<std::uint64_t> timed_out_{0};
};

/// Awaitable request; lives in the frame of the coroutine that awaits it.
template <class R>
class [[nodiscard]] bridge::request final : public bridge::pending {
public:
  request(bridge& owner, caf::strong_actor_ptr to, clock::time_point deadline, caf::message content,
          caf::strong_actor_ptr elsewhere = nullptr)
    : owner_(owner),
      to_(std::move(to)),
      elsewhere_(std::move(elsewhere)),
      deadline_(deadline),
      content_(std::move(content)) {}
  request(const request&) = delete;
  request& operator=(const request&) = delete;

  bool await_ready() noexcept {
    if (to_) return false;
    answer_ = fail(errc::shard_unavailable);
    return true;
  }
  bool await_suspend(std::coroutine_handle<> waiting) {
    // Kept for a second attempt; a message is shared, not copied.
    auto content = elsewhere_ ? content_ : std::move(content_);
    if (owner_.submit(*this, waiting, to_, deadline_, std::move(content))) return true;
    answer_ = std::unexpected(failure{errc::overloaded, "too many requests are under way", {}, 1});
    return false;
  }
  result<R> await_resume() { return std::move(answer_); }

private:
  bool take(caf::message& content) noexcept override {
    if constexpr (std::is_void_v<R>) {
      if (!content.match_elements<caf::error>()) {
        answer_ = {};
        return true;
      }
    } else if (content.match_elements<R>()) {
      answer_ = std::move(content.get_mutable_as<R>(0)); // a copy of its own, should it be shared
      return true;
    }
    if (content.match_elements<caf::error>())
      answer_ = std::unexpected(from_caf_error(content.get_as<caf::error>(0)));
    else
      answer_ = fail(errc::internal);
    return !(elsewhere_ && answer_.error().code == errc::not_owner);
  }
  const caf::strong_actor_ptr& again_at() const noexcept override { return elsewhere_; }
  caf::message again() override {
    auto content = std::move(content_);
    content.get_mutable_as<call>(0).again = true;
    to_ = std::move(elsewhere_);
    elsewhere_ = nullptr;
    return content;
  }
  void fail_with(failure why) noexcept override { answer_ = std::unexpected(std::move(why)); }

  bridge& owner_;
  caf::strong_actor_ptr to_;
  caf::strong_actor_ptr elsewhere_;
  clock::time_point deadline_;
  caf::message content_;
  result<R> answer_ = fail(errc::internal);
};

} // namespace troupe::gateway
