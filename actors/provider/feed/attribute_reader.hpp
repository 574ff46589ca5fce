#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "actors/provider/feed/feed.hpp"
#include "actors/provider/feed/feed_format.hpp"

namespace troupe {

/// Reads the attributes of one element by type. Every value that is missing or wrong is read as an empty
/// one; the first of them is the element's problem.
class attribute_reader {
public:
  attribute_reader(std::string_view element, const feed_attributes& attributes)
    : element_{element}, attributes_{attributes} {}

  std::string id(std::string_view name);
  std::optional<std::string> optional_id(std::string_view name);
  std::string text(std::string_view name, bool may_be_empty);
  std::string_view word(std::string_view name); ///< valid as long as the attributes
  std::uint32_t count(std::string_view name);
  bool flag(std::string_view name); ///< true, false, 1 or 0, as XML Schema has it
  feed_price price(std::string_view name);
  local_time time(std::string_view name);
  std::optional<local_time> optional_time(std::string_view name);

  /// The attribute's value is wrong; `what` says how.
  void refuse(std::string_view name, std::string_view what);

  /// "" while nothing is wrong.
  const std::string& problem() const& noexcept { return problem_; }
  std::string problem() && noexcept { return std::move(problem_); }

private:
  /// The value, or null after having noted that it is missing.
  const char* needed(std::string_view name);
  std::string bounded(std::string_view name, std::string_view value, std::size_t most);
  local_time to_time(std::string_view name, std::string_view value);

  std::string_view element_;
  const feed_attributes& attributes_;
  std::string problem_;
};

} // namespace troupe
