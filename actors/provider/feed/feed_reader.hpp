#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

#include "actors/provider/feed/feed.hpp"
#include "actors/provider/feed/feed_format.hpp"
#include "base/error.hpp"

namespace troupe {

/// Where a reader puts what it finds, in the document's order. The functions must not throw.
struct feed_sink {
  std::function<void(feed_event&&)> event;
  std::function<void(feed_reject&&)> reject;
};

/// What a document may measure besides `feed_bounds`; one that has more is refused as a whole.
struct feed_document_bounds {
  static constexpr std::size_t depth = 64;
  static constexpr std::size_t tag_bytes = 64 * 1024; ///< a tag with its attributes, or a comment
  static constexpr std::size_t attributes = 1'000;    ///< of one element
  static constexpr std::size_t events = 200'000;      ///< good ones and rejected ones
  static constexpr std::size_t parser_bytes = 4 * 1024 * 1024; ///< what Expat may allocate
};

/// Reads one answer of a provider as it arrives, by Expat, in bounded memory: of the document only the
/// event that is being read is kept, and the ids of those before.
///
/// One bad event is rejected with a reason and costs no other. Of events with the same base id and id
/// the first valid one counts and the others are rejected: with the last one counting, an answer that
/// always holds two versions would change the event at each fetch.
///
/// The document is refused as a whole, with a failure, when it is not well-formed (`malformed_body`, with
/// line and column), has a document type (so there are no entities), has a root that no format knows, or
/// exceeds `feed_document_bounds` (`limit_reached`). What was complete before has been emitted by then.
/// After a failure every call gives that failure.
///
/// One owner at a time, on any thread.
class feed_reader {
public:
  /// `format` null: the one whose root element the document has.
  explicit feed_reader(feed_sink sink, const feed_format* format = nullptr);
  ~feed_reader();
  feed_reader(feed_reader&&) noexcept;
  feed_reader& operator=(feed_reader&&) noexcept;

  /// The next bytes, in pieces of any size. They are parsed in slices of a fixed size, so that the pieces
  /// neither show in the result nor in the time it takes; an event may be emitted some bytes later.
  result<void> feed(std::string_view bytes);

  /// The end of the document: parses what is left. Fails when the document is not complete; only after a
  /// success it is known which events are no longer in the feed.
  result<void> finish();

  /// The format in use; null until the root element was seen, when none was given.
  const feed_format* format() const noexcept;

private:
  class parser;
  std::unique_ptr<parser> parser_;
};

} // namespace troupe
