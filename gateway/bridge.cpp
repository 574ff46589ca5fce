#include "gateway/bridge.hpp"

#include <boost/asio/post.hpp>
#include <caf/actor_companion.hpp>

namespace troupe::gateway {

namespace {

constexpr std::uint32_t no_slot = UINT32_MAX;
constexpr unsigned index_bits = 24;
constexpr std::uint32_t generation_mask = UINT32_MAX; // 24 + 32 bits fit into CAF's 61

constexpr std::uint64_t number_of(std::uint32_t index, std::uint32_t generation) noexcept {
  return (std::uint64_t{generation & generation_mask} << index_bits) | index;
}

} // namespace

/// Where the companion puts replies, in whatever thread they come. A list in one atomic pointer:
/// the reply that finds it empty wakes the io_context, the others only join it.
class bridge::inbox {
public:
  explicit inbox(boost::asio::io_context& io) noexcept : io_(io) {}
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
    if (!first)
      boost::asio::post(io_, [self] {
        if (self->owner_) self->owner_->drain();
      });
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

  static caf::mailbox_element* next_of(caf::mailbox_element& element) noexcept {
    return static_cast<caf::mailbox_element*>(element.next);
  }

  /// The thread of the io_context only.
  void attach(bridge* owner) noexcept { owner_ = owner; }

private:
  boost::asio::io_context& io_;
  bridge* owner_ = nullptr;
  std::atomic<caf::mailbox_element*> head_{nullptr};
};

bridge::bridge(caf::actor_system& system, boost::asio::io_context& io, std::uint32_t max_pending)
  : inbox_(std::make_shared<inbox>(io)),
    slots_(std::min(max_pending, (1u << index_bits) - 1)),
    first_free_(no_slot) {
  inbox_->attach(this);
  auto companion = system.spawn<caf::actor_companion, caf::hidden>();
  sink_ = caf::actor_cast<caf::strong_actor_ptr>(companion);
  auto* self = static_cast<caf::actor_companion*>(caf::actor_cast<caf::abstract_actor*>(sink_));
  self->on_enqueue([box = inbox_](caf::mailbox_element_ptr element) {
    if (element->mid.is_response()) box->put(box, std::move(element));
  });
}

bridge::~bridge() {
  auto* self = static_cast<caf::actor_companion*>(caf::actor_cast<caf::abstract_actor*>(sink_));
  self->on_enqueue(nullptr); // with the last reference to it the companion ends
  inbox_->attach(nullptr);
}

bool bridge::submit(pending& waiting, std::coroutine_handle<> resume, caf::strong_actor_ptr to,
                    clock::time_point deadline, caf::message content) {
  std::uint32_t index = first_free_;
  if (index != no_slot)
    first_free_ = slots_[index].next_free;
  else if (used_ < slots_.size())
    index = used_++;
  else
    return false;
  auto& entry = slots_[index];
  // A message id of 0 is no request: generations start at 1.
  if (++entry.generation == 0) entry.generation = 1;
  entry.waiting = &waiting;
  entry.deadline = deadline;
  waiting.waiting_ = resume;
  count_.store(count_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  send(to, caf::make_message_id(number_of(index, entry.generation)), std::move(content));
  return true;
}

void bridge::send(const caf::strong_actor_ptr& to, caf::message_id id, caf::message content) {
  auto sender = id.is_request() ? sink_ : caf::strong_actor_ptr{};
  to->enqueue(caf::make_mailbox_element(std::move(sender), id, {}, std::move(content)), nullptr);
}

bridge::pending* bridge::remove(std::uint32_t index) noexcept {
  auto& entry = slots_[index];
  auto* waiting = entry.waiting;
  entry.waiting = nullptr;
  entry.next_free = first_free_;
  first_free_ = index;
  count_.store(count_.load(std::memory_order_relaxed) - 1, std::memory_order_relaxed);
  return waiting;
}

void bridge::drain() {
  auto* at = inbox_->take_all();
  while (at) {
    caf::mailbox_element_ptr element{at};
    at = inbox::next_of(*element);
    auto number = element->mid.request_id().integer_value();
    auto index = static_cast<std::uint32_t>(number & ((1u << index_bits) - 1));
    auto generation = static_cast<std::uint32_t>(number >> index_bits);
    if (index >= used_ || !slots_[index].waiting || slots_[index].generation != generation) {
      late_.store(late_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
      continue;
    }
    auto* waiting = remove(index);
    waiting->take(element->payload);
    waiting->waiting_.resume();
  }
}

void bridge::expire(clock::time_point now) {
  if (count_.load(std::memory_order_relaxed) == 0) return;
  for (std::uint32_t index = 0; index < used_; ++index) {
    if (!slots_[index].waiting || slots_[index].deadline > now) continue;
    timed_out_.store(timed_out_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    auto* waiting = remove(index);
    waiting->fail_with({errc::timed_out, {}, {}, {}});
    waiting->waiting_.resume();
  }
}

void bridge::fail_all(errc why) {
  for (std::uint32_t index = 0; index < used_; ++index) {
    if (!slots_[index].waiting) continue;
    auto* waiting = remove(index);
    waiting->fail_with({why, {}, {}, {}});
    waiting->waiting_.resume();
  }
}

} // namespace troupe::gateway
