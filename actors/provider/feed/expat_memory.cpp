#include "actors/provider/feed/expat_memory.hpp"

#include <cstdlib>
#include <utility>

namespace troupe {

namespace {

thread_local expat_budget* current = nullptr;

/// Stands before each block; Expat's functions are given neither the parser nor a block's size.
struct alignas(std::max_align_t) block {
  expat_budget* budget;
  std::size_t bytes; ///< with this header
};

bool take(expat_budget* budget, std::size_t bytes) noexcept {
  if (budget != nullptr && bytes <= budget->left) {
    budget->left -= bytes;
    return true;
  }
  if (budget != nullptr) budget->exceeded = true;
  return false;
}

void* allocate(std::size_t size) {
  auto bytes = size + sizeof(block);
  if (bytes < size || !take(current, bytes)) return nullptr;
  auto* made = static_cast<block*>(std::malloc(bytes));
  if (made == nullptr) {
    current->left += bytes;
    return nullptr;
  }
  *made = {current, bytes};
  return made + 1;
}

void release(void* memory) {
  if (memory == nullptr) return;
  auto* old = static_cast<block*>(memory) - 1;
  old->budget->left += old->bytes;
  std::free(old);
}

void* reallocate(void* memory, std::size_t size) {
  if (memory == nullptr) return allocate(size);
  auto* old = static_cast<block*>(memory) - 1;
  auto* budget = old->budget;
  auto before = old->bytes;
  auto bytes = size + sizeof(block);
  // Both exist while the content is copied.
  if (bytes < size || !take(budget, bytes)) return nullptr;
  auto* made = static_cast<block*>(std::realloc(old, bytes));
  if (made == nullptr) {
    budget->left += bytes;
    return nullptr;
  }
  budget->left += before;
  made->bytes = bytes;
  return made + 1;
}

} // namespace

expat_budget_scope::expat_budget_scope(expat_budget& budget) noexcept
  : before_{std::exchange(current, &budget)} {}

expat_budget_scope::~expat_budget_scope() { current = before_; }

const XML_Memory_Handling_Suite& expat_memory() noexcept {
  static const XML_Memory_Handling_Suite suite{allocate, reallocate, release};
  return suite;
}

} // namespace troupe
