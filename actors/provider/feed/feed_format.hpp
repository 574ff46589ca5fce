#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "actors/provider/feed/feed.hpp"

// What a format of feeds is: the one interface behind which element names differ. A new format is a
// class and one more entry in `feed_formats`.

namespace troupe {

/// The attributes of one element, valid while its handler runs.
class feed_attributes {
public:
  /// `pairs`: name, value, name, value, ..., null; as Expat gives them.
  explicit feed_attributes(const char* const* pairs) : pairs_{pairs} {}

  /// The value of an attribute, or null.
  const char* find(std::string_view name) const noexcept;

private:
  const char* const* pairs_;
};

/// Where a handler puts what it read. Owned by the reader.
class feed_output {
public:
  virtual ~feed_output() = default;
  virtual void accept(feed_event&& event) = 0;
  virtual void reject(feed_reject&& reject) = 0;
  virtual std::uint64_t line() const = 0; ///< of the element that is being handled
};

/// Follows the elements below the root of one document. Elements and attributes it does not know are
/// ignored.
class feed_handler {
public:
  virtual ~feed_handler() = default;
  virtual void start(std::string_view name, const feed_attributes& attributes) = 0;
  virtual void end() = 0;
};

/// A format; immutable, shared by all readers.
class feed_format {
public:
  virtual ~feed_format() = default;
  virtual std::string_view name() const noexcept = 0; ///< as in a provider's `format`
  virtual bool has_root(std::string_view element) const noexcept = 0;
  /// `out` outlives the handler.
  virtual std::unique_ptr<feed_handler> make_handler(feed_output& out) const = 0;
};

/// Every format there is.
std::span<const feed_format* const> feed_formats() noexcept;

/// The format of that name, or null.
const feed_format* find_feed_format(std::string_view name) noexcept;

/// The names of all formats, for people: "eventList, planList".
std::string feed_format_names();

} // namespace troupe
