#pragma once

#include <cstddef>

#include <expat.h>

namespace troupe {

/// How much one parser may allocate. Expat keeps every name of an element or attribute that it has met
/// until the parser ends, so a document made of names would fill the memory.
struct expat_budget {
  std::size_t left; ///< bytes
  bool exceeded = false;
};

/// While it lives, what Expat allocates on this thread is taken from `budget`. What is freed goes back to
/// the budget it came from, on any thread, scope or not.
class expat_budget_scope {
public:
  explicit expat_budget_scope(expat_budget& budget) noexcept;
  ~expat_budget_scope();
  expat_budget_scope(const expat_budget_scope&) = delete;
  expat_budget_scope& operator=(const expat_budget_scope&) = delete;

private:
  expat_budget* before_;
};

/// For `XML_ParserCreate_MM`; needs a scope whenever the parser works.
const XML_Memory_Handling_Suite& expat_memory() noexcept;

} // namespace troupe
