#include "base/json.hpp"

#include <cmath>
#include <map>
#include <mutex>
#include <regex>

#include <glaze/json/generic.hpp>

namespace troupe {

namespace {

constexpr int max_nesting = 64;
constexpr std::size_t max_reported_fields = 32;

using dom = glz::generic_json<glz::num_mode::u64>;

/// Length of the well-formed UTF-8 sequence at `at`, 0 when there is none.
std::size_t sequence_length(const char* at, const char* end) noexcept {
  auto byte = [&](int i) { return static_cast<unsigned char>(at[i]); };
  auto continues = [&](int i) { return at + i < end && (byte(i) & 0xC0) == 0x80; };
  unsigned char lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead < 0xC2) return 0;
  if (lead < 0xE0) return continues(1) ? 2 : 0;
  if (lead < 0xF0) {
    if (!continues(1) || !continues(2)) return 0;
    if (lead == 0xE0 && byte(1) < 0xA0) return 0;
    if (lead == 0xED && byte(1) > 0x9F) return 0; // a surrogate
    return 3;
  }
  if (lead > 0xF4 || !continues(1) || !continues(2) || !continues(3)) return 0;
  if (lead == 0xF0 && byte(1) < 0x90) return 0;
  if (lead == 0xF4 && byte(1) > 0x8F) return 0;
  return 4;
}

std::size_t character_count(std::string_view text) noexcept {
  std::size_t count = 0;
  for (char c : text)
    if ((static_cast<unsigned char>(c) & 0xC0) != 0x80) ++count;
  return count;
}

/// Compiled once per pattern: the patterns are literals of the program.
const std::regex& compiled(std::string_view pattern) {
  static std::mutex guard;
  static std::map<const char*, std::regex> cache;
  std::lock_guard lock{guard};
  auto [at, fresh] = cache.try_emplace(pattern.data());
  if (fresh) at->second.assign(pattern.begin(), pattern.end());
  return at->second;
}

bool matches(std::string_view pattern, std::string_view text) {
  try {
    return std::regex_search(text.begin(), text.end(), compiled(pattern));
  } catch (const std::regex_error&) { // too complex for this text
    return false;
  }
}

template <class Boxed>
std::optional<std::int64_t> whole(const Boxed& number) {
  if (!number) return std::nullopt;
  return std::visit([](auto v) { return static_cast<std::int64_t>(v); }, *number);
}

std::optional<std::string> wrong_string(const json_rules* rules, std::string_view text) {
  if (!rules) return std::nullopt;
  auto characters = character_count(text);
  if (rules->minLength && characters < *rules->minLength)
    return "is shorter than " + std::to_string(*rules->minLength) + " characters";
  if (rules->maxLength && characters > *rules->maxLength)
    return "is longer than " + std::to_string(*rules->maxLength) + " characters";
  if (rules->enumeration) {
    std::string known;
    for (auto value : *rules->enumeration) {
      if (value == text) return std::nullopt;
      known.append(known.empty() ? "" : ", ").append(value);
    }
    return "is none of " + known;
  }
  if (rules->pattern && !matches(*rules->pattern, text))
    return "does not match " + std::string{*rules->pattern};
  return std::nullopt;
}

std::optional<std::string> wrong_number(const json_rules* rules, std::int64_t number) {
  if (!rules) return std::nullopt;
  if (auto least = whole(rules->minimum); least && number < *least)
    return "is less than " + std::to_string(*least);
  if (auto most = whole(rules->maximum); most && number > *most)
    return "is more than " + std::to_string(*most);
  return std::nullopt;
}

std::optional<std::string> wrong_size(const json_rules* rules, std::size_t items) {
  if (!rules) return std::nullopt;
  if (rules->minItems && items < *rules->minItems)
    return "has fewer than " + std::to_string(*rules->minItems) + " items";
  if (rules->maxItems && items > *rules->maxItems)
    return "has more than " + std::to_string(*rules->maxItems) + " items";
  return std::nullopt;
}

std::string_view kind_phrase(json_kind kind) noexcept {
  switch (kind) {
    case json_kind::boolean: return "must be true or false";
    case json_kind::integer: return "must be a whole number";
    case json_kind::number: return "must be a number";
    case json_kind::text: return "must be a string";
    case json_kind::uuid: return "must be a UUID in its canonical form";
    case json_kind::timestamp: return "must be an RFC 3339 date and time";
    case json_kind::list: return "must be an array";
    case json_kind::object: return "must be an object";
  }
  return "is not valid";
}

/// Walks a document along the shape it should have and collects what differs.
class inspector {
public:
  explicit inspector(failure& out) noexcept : out_(out) {}

  void visit(const json_shape& shape, const json_rules* rules, const dom& value,
             const std::string& pointer) {
    switch (shape.kind) {
      case json_kind::boolean:
        if (!value.holds<bool>()) wrong(pointer, std::string{kind_phrase(shape.kind)});
        break;
      case json_kind::integer: visit_integer(shape, rules, value, pointer); break;
      case json_kind::number:
        if (!value.holds<std::uint64_t>() && !value.holds<std::int64_t>() && !value.holds<double>())
          wrong(pointer, std::string{kind_phrase(shape.kind)});
        break;
      case json_kind::text:
      case json_kind::uuid:
      case json_kind::timestamp:
        if (const auto* text = value.get_if<std::string>()) {
          if (auto problem = json_detail::wrong_text(shape, rules, *text))
            wrong(pointer, std::move(*problem));
        } else {
          wrong(pointer, std::string{kind_phrase(shape.kind)});
        }
        break;
      case json_kind::list: visit_list(shape, rules, value, pointer); break;
      case json_kind::object: visit_object(shape, value, pointer); break;
    }
  }

private:
  void wrong(const std::string& pointer, std::string detail) {
    if (out_.fields.size() < max_reported_fields)
      out_.fields.push_back({pointer, std::move(detail)});
  }

  void visit_integer(const json_shape& shape, const json_rules* rules, const dom& value,
                     const std::string& pointer) {
    if (const auto* natural = value.get_if<std::uint64_t>()) {
      if (*natural > shape.highest) {
        wrong(pointer, "is more than " + std::to_string(shape.highest));
      } else if (*natural <= INT64_MAX) {
        if (auto problem = wrong_number(rules, static_cast<std::int64_t>(*natural)))
          wrong(pointer, std::move(*problem));
      }
    } else if (const auto* negative = value.get_if<std::int64_t>()) {
      if (*negative < shape.lowest)
        wrong(pointer, "is less than " + std::to_string(shape.lowest));
      else if (auto problem = wrong_number(rules, *negative))
        wrong(pointer, std::move(*problem));
    } else {
      wrong(pointer, std::string{kind_phrase(shape.kind)});
    }
  }

  void visit_list(const json_shape& shape, const json_rules* rules, const dom& value,
                  const std::string& pointer) {
    const auto* items = value.get_if<dom::array_t>();
    if (!items) return wrong(pointer, std::string{kind_phrase(shape.kind)});
    if (auto problem = wrong_size(rules, items->size())) wrong(pointer, std::move(*problem));
    for (std::size_t at = 0; at < items->size() && out_.fields.size() < max_reported_fields; ++at)
      visit(*shape.element, rules, (*items)[at], pointer + '/' + std::to_string(at));
  }

  void visit_object(const json_shape& shape, const dom& value, const std::string& pointer) {
    const auto* object = value.get_if<dom::object_t>();
    if (!object) return wrong(pointer, std::string{kind_phrase(shape.kind)});
    std::vector<bool> seen(shape.members.size());
    for (const auto& [key, member_value] : *object) {
      std::size_t at = 0;
      while (at < shape.members.size() && shape.members[at].name != key) ++at;
      if (at == shape.members.size()) {
        wrong(pointer + '/' + escaped(key), "is not known here");
        continue;
      }
      const auto& member = shape.members[at];
      seen[at] = true;
      if (!member.required && member_value.holds<std::nullptr_t>()) continue;
      visit(*member.shape, member.rules, member_value, pointer + '/' + std::string{member.name});
    }
    for (std::size_t at = 0; at < shape.members.size(); ++at)
      if (!seen[at] && shape.members[at].required)
        wrong(pointer + '/' + std::string{shape.members[at].name}, "is required");
  }

  /// RFC 6901: `~` and `/` are escaped. An unknown key is cut to what a message should hold.
  static std::string escaped(std::string_view key) {
    std::string out;
    for (char c : key) {
      if (out.size() > 64 && (static_cast<unsigned char>(c) & 0xC0) != 0x80) break;
      if (c == '~')
        out += "~0";
      else if (c == '/')
        out += "~1";
      else
        out += c;
    }
    return out;
  }

  failure& out_;
};

} // namespace

namespace json_detail {

std::string schema_name(std::string_view type_name) {
  if (auto colon = type_name.rfind("::"); colon != std::string_view::npos)
    type_name.remove_prefix(colon + 2);
  std::string out;
  bool upper = true;
  for (char c : type_name) {
    if (c == '_') {
      upper = true;
      continue;
    }
    out += upper && c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    upper = false;
  }
  return out;
}

std::optional<failure> check_text(std::string_view text) {
  auto malformed = [](std::string detail) {
    return failure{errc::malformed_body, std::move(detail), {}, {}};
  };
  int nesting = 0;
  bool in_string = false;
  const char* end = text.data() + text.size();
  for (const char* at = text.data(); at < end;) {
    auto length = sequence_length(at, end);
    if (length == 0) return malformed("not UTF-8 at byte " + std::to_string(at - text.data()));
    char c = *at;
    if (in_string) {
      if (c == '\\' && at + 1 < end) {
        // What is escaped is one ASCII character, or the parser will refuse it.
        at += 1;
        length = sequence_length(at, end);
        if (length == 0) return malformed("not UTF-8 at byte " + std::to_string(at - text.data()));
      } else if (c == '"') {
        in_string = false;
      }
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      if (++nesting > max_nesting)
        return malformed("nested deeper than " + std::to_string(max_nesting));
    } else if (c == '}' || c == ']') {
      --nesting;
    }
    at += length;
  }
  return std::nullopt;
}

bool obeys(const json_rules* rules, std::string_view text) { return !wrong_string(rules, text); }

bool obeys(const json_rules* rules, std::int64_t number) { return !wrong_number(rules, number); }

bool obeys_size(const json_rules* rules, std::size_t items) { return !wrong_size(rules, items); }

std::optional<std::string> wrong_text(const json_shape& shape, const json_rules* rules,
                                      std::string_view text) {
  switch (shape.kind) {
    case json_kind::text:
      if (!is_utf8(text)) return "is not UTF-8";
      return wrong_string(rules, text);
    case json_kind::uuid:
      if (!parse_uuid(text)) return std::string{kind_phrase(shape.kind)};
      return std::nullopt;
    case json_kind::timestamp:
      if (!parse_timestamp(text)) return std::string{kind_phrase(shape.kind)};
      return std::nullopt;
    case json_kind::integer: {
      std::int64_t number = 0;
      auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
      if (error == std::errc::invalid_argument || end != text.data() + text.size())
        return std::string{kind_phrase(shape.kind)};
      if (error != std::errc{} || number < shape.lowest ||
          (number > 0 && static_cast<std::uint64_t>(number) > shape.highest))
        return "is out of bounds";
      return wrong_number(rules, number);
    }
    case json_kind::boolean:
      if (text != "true" && text != "false") return std::string{kind_phrase(shape.kind)};
      return std::nullopt;
    case json_kind::number:
    case json_kind::list:
    case json_kind::object: break;
  }
  return std::string{kind_phrase(shape.kind)};
}

failure diagnose(const json_shape& shape, std::string_view text) {
  struct options : glz::opts {
    bool null_terminated = false;
    bool validate_trailing_whitespace = true;
  };
  if (text.find_first_not_of(" \t\r\n") == std::string_view::npos)
    return {errc::malformed_body, "the body is empty, JSON was expected", {}, {}};
  dom document;
  glz::context context{};
  if (glz::read<options{}>(document, text, context)) {
    // The document's reader goes back to the start of a value it cannot read; skipping tells where.
    struct skip_options : options {
      bool validate_skipped = true;
    };
    glz::skip skipped{};
    glz::context skip_context{};
    auto error = glz::read<skip_options{}>(skipped, text, skip_context);
    return {errc::malformed_body, "not valid JSON at byte " + std::to_string(error.count), {}, {}};
  }
  failure out{errc::invalid_field, {}, {}, {}};
  inspector{out}.visit(shape, nullptr, document, "");
  if (out.fields.empty()) out.fields.push_back({"", "is not valid"});
  return out;
}

} // namespace json_detail

bool is_utf8(std::string_view text) noexcept {
  const char* end = text.data() + text.size();
  for (const char* at = text.data(); at < end;) {
    auto length = sequence_length(at, end);
    if (length == 0) return false;
    at += length;
  }
  return true;
}

} // namespace troupe
