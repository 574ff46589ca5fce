#pragma once

#include <coroutine>
#include <exception>
#include <optional>
#include <utility>
#include <variant>

namespace troupe::gateway {

// Coroutines of the gateway. They are resumed by Asio's handlers and by the bridge, always on the
// thread of their io_context. Leaner than asio::awaitable: no executor is carried along, and
// awaiting an actor costs no allocation besides the message.

/// A coroutine that starts when it is awaited and gives a `T`. Whoever holds it owns its frame.
template <class T>
class [[nodiscard]] task;

namespace task_detail {

struct promise_base {
  std::coroutine_handle<> continuation;

  std::suspend_always initial_suspend() noexcept { return {}; }

  struct final_awaiter {
    bool await_ready() noexcept { return false; }
    template <class Promise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> done) noexcept {
      return done.promise().continuation;
    }
    void await_resume() noexcept {}
  };
  final_awaiter final_suspend() noexcept { return {}; }
};

template <class T>
struct promise : promise_base {
  std::variant<std::monostate, T, std::exception_ptr> outcome;

  task<T> get_return_object() noexcept;
  template <class U>
  void return_value(U&& value) {
    outcome.template emplace<1>(std::forward<U>(value));
  }
  void unhandled_exception() noexcept { outcome.template emplace<2>(std::current_exception()); }
  T take() {
    if (outcome.index() == 2) std::rethrow_exception(std::get<2>(outcome));
    return std::move(std::get<1>(outcome));
  }
};

template <>
struct promise<void> : promise_base {
  std::exception_ptr thrown;

  task<void> get_return_object() noexcept;
  void return_void() noexcept {}
  void unhandled_exception() noexcept { thrown = std::current_exception(); }
  void take() {
    if (thrown) std::rethrow_exception(thrown);
  }
};

} // namespace task_detail

template <class T>
class [[nodiscard]] task {
public:
  using promise_type = task_detail::promise<T>;

  task(task&& other) noexcept : frame_(std::exchange(other.frame_, {})) {}
  task& operator=(task&&) = delete;
  ~task() {
    if (frame_) frame_.destroy();
  }

  bool await_ready() const noexcept { return false; }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> waiting) noexcept {
    frame_.promise().continuation = waiting;
    return frame_;
  }
  T await_resume() { return frame_.promise().take(); }

private:
  friend promise_type;
  explicit task(std::coroutine_handle<promise_type> frame) noexcept : frame_(frame) {}

  std::coroutine_handle<promise_type> frame_;
};

namespace task_detail {

template <class T>
task<T> promise<T>::get_return_object() noexcept {
  return task<T>{std::coroutine_handle<promise<T>>::from_promise(*this)};
}
inline task<void> promise<void>::get_return_object() noexcept {
  return task<void>{std::coroutine_handle<promise<void>>::from_promise(*this)};
}

} // namespace task_detail

/// The outermost coroutine of a connection or a loop. Starts at once and frees itself at its end;
/// its owner may destroy it earlier, when nothing can resume it any more. It must let no exception
/// out.
struct root_task {
  struct promise_type {
    root_task get_return_object() noexcept {
      return {std::coroutine_handle<promise_type>::from_promise(*this)};
    }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() noexcept {}
    void unhandled_exception() noexcept { std::terminate(); }
  };

  std::coroutine_handle<> frame;
};

} // namespace troupe::gateway
