#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <optional>
#include <utility>

namespace troupe {

/// Numbers things that are under way: a bounded table whose numbers find their entry at once, and find
/// nothing when the entry is gone, whatever took its place. Numbers are never 0 and have 56 bits at most.
/// Entries stay where they are until they are erased. Not synchronised.
template <class T>
class slot_table {
public:
  explicit slot_table(std::uint32_t capacity) : capacity_(std::min(capacity, index_mask)) {}

  /// The number of the new entry; nothing when the table is full.
  std::optional<std::uint64_t> insert(T value) {
    std::uint32_t index = first_free_;
    if (index != none) {
      first_free_ = slots_[index].next_free;
    } else if (slots_.size() < capacity_) {
      index = static_cast<std::uint32_t>(slots_.size());
      slots_.emplace_back();
    } else {
      return std::nullopt;
    }
    auto& place = slots_[index];
    if (++place.generation == 0) place.generation = 1;
    place.value.emplace(std::move(value));
    ++size_;
    return number_of(index, place.generation);
  }

  T* find(std::uint64_t number) noexcept {
    const auto index = index_of(number);
    if (index >= slots_.size()) return nullptr;
    auto& place = slots_[index];
    return place.value && place.generation == generation_of(number) ? &*place.value : nullptr;
  }

  /// Takes the entry out; nothing when it is gone.
  std::optional<T> take(std::uint64_t number) {
    if (!find(number)) return std::nullopt;
    const auto index = index_of(number);
    auto& place = slots_[index];
    std::optional<T> taken{std::move(place.value)};
    place.value.reset();
    place.next_free = first_free_;
    first_free_ = index;
    --size_;
    return taken;
  }

  /// Calls `visit(number, entry)` for each; it may take entries out and put new ones in.
  template <class Visit>
  void for_each(Visit visit) {
    if (size_ == 0) return;
    for (std::uint32_t index = 0; index < slots_.size(); ++index)
      if (slots_[index].value)
        visit(number_of(index, slots_[index].generation), *slots_[index].value);
  }

  std::uint32_t size() const noexcept { return size_; }

private:
  static constexpr unsigned index_bits = 24;
  static constexpr std::uint32_t index_mask = (1u << index_bits) - 1;
  static constexpr std::uint32_t none = UINT32_MAX;

  struct slot {
    std::optional<T> value;
    std::uint32_t generation = 0;
    std::uint32_t next_free = none;
  };

  static constexpr std::uint64_t number_of(std::uint32_t index, std::uint32_t generation) noexcept {
    return (std::uint64_t{generation} << index_bits) | index;
  }
  static constexpr std::uint32_t index_of(std::uint64_t number) noexcept {
    return static_cast<std::uint32_t>(number) & index_mask;
  }
  static constexpr std::uint32_t generation_of(std::uint64_t number) noexcept {
    return static_cast<std::uint32_t>(number >> index_bits);
  }

  std::uint32_t capacity_;
  std::deque<slot> slots_;
  std::uint32_t first_free_ = none;
  std::uint32_t size_ = 0;
};

} // namespace troupe
