#include "actors/api/companion.hpp"

#include <utility>

#include <boost/asio/post.hpp>
#include <caf/actor_companion.hpp>

namespace troupe {

/// A list in one atomic pointer: the message that finds it empty wakes the io_context, the others only
/// join it.
class companion::inbox {
public:
  inbox(boost::asio::io_context& io, handler handle, turn_end end)
    : io_(io), handle_(std::move(handle)), end_(std::move(end)) {}
  ~inbox() {
    for (auto* at = take_all(); at;) {
      caf::mailbox_element_ptr element{at};
      at = next_of(*element);
    }
  }

  void put(const std::shared_ptr<inbox>& self, caf::mailbox_element_ptr element) {
    auto* added = element.release();
    auto* first = head_.load(std::memory_order_relaxed);
    do {
      added->next = first;
    } while (!head_.compare_exchange_weak(first, added, std::memory_order_release,
                                          std::memory_order_relaxed));
    if (!first) boost::asio::post(io_, [self] { self->drain(); });
  }

  /// The thread of the io_context only.
  void close() noexcept { open_ = false; }

private:
  static caf::mailbox_element* next_of(caf::mailbox_element& element) noexcept {
    return static_cast<caf::mailbox_element*>(element.next);
  }

  /// Takes all, oldest first; they belong to the caller.
  caf::mailbox_element* take_all() noexcept {
    auto* at = head_.exchange(nullptr, std::memory_order_acquire);
    caf::mailbox_element* oldest = nullptr;
    while (at) {
      auto* next = next_of(*at);
      at->next = oldest;
      oldest = at;
      at = next;
    }
    return oldest;
  }

  void drain() {
    for (auto* at = take_all(); at;) {
      caf::mailbox_element_ptr element{at};
      at = next_of(*element);
      if (open_) handle_(*element);
    }
    if (open_ && end_) end_();
  }

  boost::asio::io_context& io_;
  handler handle_;
  turn_end end_;
  bool open_ = true;
  std::atomic<caf::mailbox_element*> head_{nullptr};
};

namespace {

caf::strong_actor_ptr spawn_companion(caf::actor_system& system) {
  return caf::actor_cast<caf::strong_actor_ptr>(system.spawn<caf::actor_companion, caf::hidden>());
}

caf::actor_companion& actor_of(const caf::strong_actor_ptr& address) {
  return *static_cast<caf::actor_companion*>(caf::actor_cast<caf::abstract_actor*>(address));
}

} // namespace

companion::companion(caf::actor_system& system, boost::asio::io_context& io, handler handle,
                     turn_end end)
  : system_(system),
    inbox_(std::make_shared<inbox>(io, std::move(handle), std::move(end))),
    address_(spawn_companion(system)) {
  actor_of(address_).on_enqueue(
    [box = inbox_](caf::mailbox_element_ptr element) { box->put(box, std::move(element)); });
}

companion::~companion() {
  // With the last reference to it an actor ends; an added one has a reference to itself until here.
  for (const auto& address : more_) actor_of(address).on_enqueue(nullptr);
  actor_of(address_).on_enqueue(nullptr);
  inbox_->close();
}

caf::strong_actor_ptr companion::add_address() {
  auto added = more_.emplace_back(spawn_companion(system_));
  actor_of(added).on_enqueue([box = inbox_, added](caf::mailbox_element_ptr element) {
    element->stages.push_back(added);
    box->put(box, std::move(element));
  });
  return added;
}

void companion::send(const caf::strong_actor_ptr& to, caf::message_id id,
                     caf::message content) const {
  auto sender = id.is_request() ? address_ : caf::strong_actor_ptr{};
  to->enqueue(caf::make_mailbox_element(std::move(sender), id, {}, std::move(content)), nullptr);
}

} // namespace troupe
