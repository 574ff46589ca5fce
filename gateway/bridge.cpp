#include "gateway/bridge.hpp"

namespace troupe::gateway {

namespace {

constexpr std::uint32_t no_slot = UINT32_MAX;
constexpr unsigned index_bits = 24;
constexpr std::uint32_t generation_mask = UINT32_MAX; // 24 + 32 bits fit into CAF's 61

constexpr std::uint64_t number_of(std::uint32_t index, std::uint32_t generation) noexcept {
  return (std::uint64_t{generation & generation_mask} << index_bits) | index;
}

} // namespace

bridge::bridge(caf::actor_system& system, boost::asio::io_context& io, std::uint32_t max_pending)
  : sink_(system, io, [this](caf::mailbox_element& element) { answered(element); }),
    slots_(std::min(max_pending, (1u << index_bits) - 1)),
    first_free_(no_slot) {}

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
  sink_.send(to, caf::make_message_id(number_of(index, entry.generation)), std::move(content));
  return true;
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

void bridge::answered(caf::mailbox_element& element) {
  if (!element.mid.is_response()) return;
  const auto number = element.mid.request_id().integer_value();
  const auto index = static_cast<std::uint32_t>(number & ((1u << index_bits) - 1));
  const auto generation = static_cast<std::uint32_t>(number >> index_bits);
  if (index >= used_ || !slots_[index].waiting || slots_[index].generation != generation) {
    late_.store(late_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    return;
  }
  if (!slots_[index].waiting->take(element.payload)) {
    // The number stays: an answer of the first actor can no longer come.
    auto& waiting = *slots_[index].waiting;
    const auto to = waiting.again_at();
    return sink_.send(to, caf::make_message_id(number), waiting.again());
  }
  auto* waiting = remove(index);
  waiting->waiting_.resume();
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
