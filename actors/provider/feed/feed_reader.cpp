#include "actors/provider/feed/feed_reader.hpp"

#include <algorithm>
#include <cstring>
#include <string>
#include <unordered_set>
#include <utility>

#include <expat.h>
#include <fmt/format.h>

#include "actors/provider/feed/expat_memory.hpp"
#include "base/text.hpp"

namespace troupe {

namespace {

using bounds = feed_document_bounds;

constexpr std::size_t slice_bytes = 16 * 1024;

/// That many slices in which no token ended are part of one token that is longer than `tag_bytes`.
constexpr std::size_t most_quiet_slices = bounds::tag_bytes / slice_bytes + 1;

// Expat 2.9, a security update of Debian 13, deprecates these; 2.8, which came with it, has no others.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
std::uint64_t line_of(XML_Parser it) { return XML_GetCurrentLineNumber(it); }
std::uint64_t column_of(XML_Parser it) { return XML_GetCurrentColumnNumber(it) + 1; }
std::size_t token_bytes(XML_Parser it) {
  return static_cast<std::size_t>(XML_GetCurrentByteCount(it));
}
#pragma GCC diagnostic pop

} // namespace

/// What Expat calls back; it stays where it is made. Nothing may be thrown through Expat, so its handlers
/// are noexcept.
class feed_reader::parser final : feed_output {
public:
  parser(feed_sink sink, const feed_format* format)
    : sink_{std::move(sink)}, format_{format}, wanted_{format} {
    expat_budget_scope scope{budget_};
    expat_.reset(XML_ParserCreate_MM(nullptr, &expat_memory(), nullptr));
    if (!expat_) return;
    auto* it = expat_.get();
    XML_SetUserData(it, this);
    XML_SetElementHandler(it, on_start, on_end);
    XML_SetStartDoctypeDeclHandler(it, on_doctype);
    XML_SetDefaultHandler(it, on_other);
    // It would put off what is known to be complete; slices of a fixed size serve its purpose, that no
    // token is parsed anew for every few bytes.
    XML_SetReparseDeferralEnabled(it, XML_FALSE);
  }

  result<void> feed(std::string_view bytes) {
    if (finished_) return fail(errc::internal, "the document has been finished");
    while (!bytes.empty()) {
      if (!make_room()) return std::unexpected(*failure_);
      auto count = std::min(bytes.size(), slice_bytes - filled_);
      std::memcpy(room_ + filled_, bytes.data(), count);
      filled_ += count;
      bytes.remove_prefix(count);
      if (filled_ == slice_bytes) parse(false);
    }
    return outcome();
  }

  result<void> finish() {
    if (!finished_ && make_room()) parse(true);
    finished_ = true;
    return outcome();
  }

  const feed_format* format() const noexcept { return format_; }

private:
  // ---- bytes to Expat ----

  bool make_room() {
    if (failure_) return false;
    if (room_ != nullptr) return true;
    expat_budget_scope scope{budget_};
    if (expat_) room_ = static_cast<char*>(XML_GetBuffer(expat_.get(), slice_bytes));
    if (room_ == nullptr) set_failure(errc::limit_reached, "parsing it takes too much memory");
    return room_ != nullptr;
  }

  void parse(bool last) {
    expat_budget_scope scope{budget_};
    room_ = nullptr;
    moved_ = false;
    auto count = static_cast<int>(std::exchange(filled_, 0));
    if (XML_ParseBuffer(expat_.get(), count, last) != XML_STATUS_OK) return note_error();
    quiet_slices_ = moved_ ? 0 : quiet_slices_ + 1;
    if (quiet_slices_ == most_quiet_slices) refuse_size();
  }

  void note_error() {
    if (failure_) return; // a handler's own, which made Expat stop
    auto code = XML_GetErrorCode(expat_.get());
    switch (code) {
      case XML_ERROR_NO_MEMORY:
        return set_failure(errc::limit_reached, "parsing it takes too much memory");
      case XML_ERROR_NO_ELEMENTS:
      case XML_ERROR_UNCLOSED_TOKEN:
      case XML_ERROR_PARTIAL_CHAR:
      case XML_ERROR_UNCLOSED_CDATA_SECTION:
        return set_failure(errc::malformed_body, at_place("the document ends too early"));
      default:
        return set_failure(errc::malformed_body,
                           at_place(fmt::format("not well-formed: {}", XML_ErrorString(code))));
    }
  }

  result<void> outcome() const {
    if (failure_) return std::unexpected(*failure_);
    return {};
  }

  std::string at_place(std::string_view what) const {
    return fmt::format("{} (line {}, column {})", what, line_of(expat_.get()),
                       column_of(expat_.get()));
  }

  void set_failure(errc code, std::string detail) {
    if (!failure_) failure_ = failure{.code = code, .detail = std::move(detail)};
  }

  /// From within a handler: ends the parsing.
  void stop(errc code, std::string_view what) {
    set_failure(code, at_place(what));
    XML_StopParser(expat_.get(), XML_FALSE);
  }

  void refuse_size() {
    stop(errc::limit_reached, fmt::format("a tag of more than {} bytes", bounds::tag_bytes));
  }

  // ---- what Expat finds ----

  static parser& of(void* self) noexcept { return *static_cast<parser*>(self); }

  static void on_start(void* self, const char* name, const char** pairs) noexcept {
    of(self).start(name, pairs);
  }

  static void on_end(void* self, const char*) noexcept {
    auto& it = of(self);
    it.moved_ = true;
    // Expat still reports the end of an empty element whose start made it stop.
    if (!it.failure_ && --it.depth_ > 0) it.handler_->end();
  }

  static void on_doctype(void* self, const char*, const char*, const char*, int) noexcept {
    of(self).stop(errc::malformed_body, "a document type is not accepted");
  }

  static void on_other(void* self, const char*, int) noexcept { of(self).moved_ = true; }

  void start(std::string_view name, const char** pairs) {
    moved_ = true;
    if (failure_) return;
    if (depth_ == bounds::depth)
      return stop(errc::limit_reached, fmt::format("more than {} elements deep", bounds::depth));
    ++depth_;
    if (token_bytes(expat_.get()) > bounds::tag_bytes) return refuse_size();
    // It counts names and values.
    if (static_cast<std::size_t>(XML_GetSpecifiedAttributeCount(expat_.get())) / 2 >
        bounds::attributes)
      return stop(errc::limit_reached, fmt::format("more than {} attributes", bounds::attributes));
    if (depth_ == 1) return open_root(name);
    handler_->start(name, feed_attributes{pairs});
  }

  void open_root(std::string_view name) {
    if (format_ == nullptr) {
      auto found = std::ranges::find_if(feed_formats(),
                                        [&](auto* each) { return each->has_root(name); });
      if (found != feed_formats().end()) format_ = *found;
    }
    if (format_ != nullptr && format_->has_root(name)) {
      handler_ = format_->make_handler(*this);
      return;
    }
    auto what = fmt::format("the root element is {}",
                            in_quotes(name.substr(0, feed_bounds::id_bytes)));
    if (wanted_ != nullptr) what += fmt::format(", which the format {} has not", wanted_->name());
    stop(errc::malformed_body, what + "; known formats: " + feed_format_names());
  }

  // ---- what the format's handler finds ----

  void accept(feed_event&& event) override {
    if (!count_event()) return;
    // No id holds a zero byte.
    if (!ids_.insert(event.base_id + '\0' + event.id).second)
      return sink_.reject(
        {.base_id = std::move(event.base_id),
         .id = std::move(event.id),
         .reason = "the answer has an event with these ids already; the first one counts",
         .line = line()});
    sink_.event(std::move(event));
  }

  void reject(feed_reject&& reject) override {
    if (count_event()) sink_.reject(std::move(reject));
  }

  std::uint64_t line() const override { return line_of(expat_.get()); }

  bool count_event() {
    if (events_ == bounds::events) {
      stop(errc::limit_reached, fmt::format("more than {} events", bounds::events));
      return false;
    }
    ++events_;
    return true;
  }

  struct free_parser {
    void operator()(XML_Parser it) const noexcept { XML_ParserFree(it); }
  };

  feed_sink sink_;
  const feed_format* format_;
  const feed_format* wanted_; ///< what the owner asked for
  std::unique_ptr<feed_handler> handler_;
  std::unordered_set<std::string> ids_; ///< of the events that were accepted
  std::size_t events_ = 0;
  std::size_t depth_ = 0;
  char* room_ = nullptr; ///< Expat's, for the next slice
  std::size_t filled_ = 0;
  bool moved_ = false; ///< some token ended in this slice
  std::size_t quiet_slices_ = 0;
  bool finished_ = false;
  std::optional<failure> failure_;
  expat_budget budget_{bounds::parser_bytes};
  std::unique_ptr<XML_ParserStruct, free_parser> expat_; ///< last, it gives back to the budget
};

feed_reader::feed_reader(feed_sink sink, const feed_format* format)
  : parser_{std::make_unique<parser>(std::move(sink), format)} {}
feed_reader::~feed_reader() = default;
feed_reader::feed_reader(feed_reader&&) noexcept = default;
feed_reader& feed_reader::operator=(feed_reader&&) noexcept = default;

result<void> feed_reader::feed(std::string_view bytes) { return parser_->feed(bytes); }
result<void> feed_reader::finish() { return parser_->finish(); }
const feed_format* feed_reader::format() const noexcept { return parser_->format(); }

} // namespace troupe
