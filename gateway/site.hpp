#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "gateway/http/server.hpp"

namespace troupe::gateway {

/// What is served besides the API: its document, its page, the pages of problem types. Made once;
/// immutable afterwards, so every gateway thread uses it.
class site {
public:
  site();
  ~site();

  /// Fills the answer when the path is one of the site's. False: it is not.
  bool serve(http::exchange& ex, std::string_view path) const;

  /// `/openapi.json`.
  std::string_view document() const noexcept;

private:
  struct content;
  std::unique_ptr<const content> content_;
};

} // namespace troupe::gateway
