#pragma once

#include <charconv>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <glaze/json/read.hpp>
#include <glaze/json/schema.hpp>
#include <glaze/json/write.hpp>

#include "base/error.hpp"
#include "base/text.hpp"
#include "base/timestamp.hpp"
#include "base/uuid.hpp"

// JSON of described structs, and what may stand in them. A struct is described by its members; rules for
// its members (length, pattern, bounds, description, examples) stand once, next to it, in a
// specialisation of `glz::json_schema`: they check what comes in and they make the API's document.
//
//   struct sign_up { std::string name; };
//   template <> struct glz::json_schema<sign_up> {
//     schema name{.description = "Log-in name", .minLength = 3, .maxLength = 32};
//   };

namespace troupe {

/// Rules of one member; only those that `check` knows have an effect on what is accepted: minLength,
/// maxLength (characters), pattern, enumeration, minimum, maximum (whole numbers), minItems, maxItems.
using json_rules = glz::schema;

enum class json_kind : std::uint8_t {
  boolean,
  integer,
  number,
  text,
  uuid,
  timestamp,
  list,
  object
};

struct json_member;

/// What a described type looks like in JSON, as data: for messages about wrong fields and for the API's
/// document. One per type, immutable, lives as long as the process.
struct json_shape {
  json_kind kind = json_kind::object;
  std::string name;                    ///< of an object: `sign_up` is `SignUp`
  std::int64_t lowest = 0;             ///< of an integer
  std::uint64_t highest = 0;           ///< of an integer
  const json_shape* element = nullptr; ///< of a list
  std::vector<json_member> members;    ///< of an object
};

struct json_member {
  std::string_view name;
  const json_shape* shape = nullptr;
  const json_rules* rules = nullptr; ///< null: none
  bool required = true;              ///< not an optional
};

namespace json_detail {

template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;
template <class T>
inline constexpr bool is_vector = false;
template <class T>
inline constexpr bool is_vector<std::vector<T>> = true;
template <class T>
struct optional_value {
  using type = T;
};
template <class T>
struct optional_value<std::optional<T>> {
  using type = T;
};

/// `troupe::gateway::sign_up` -> `SignUp`.
std::string schema_name(std::string_view type_name);

/// The rules given for a type's members, by name.
template <class T>
const json_rules* rules_of(std::string_view member) {
  if constexpr (requires { requires(glz::reflect<glz::json_schema<T>>::size > 0); }) {
    static const glz::json_schema<T> given{};
    auto all = glz::to_tie(given);
    const json_rules* found = nullptr;
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      ((glz::reflect<glz::json_schema<T>>::keys[I] == member ? void(found = &glz::get<I>(all))
                                                             : void()),
       ...);
    }(std::make_index_sequence<glz::reflect<glz::json_schema<T>>::size>{});
    return found;
  } else {
    return nullptr;
  }
}

} // namespace json_detail

template <class T>
const json_shape& shape_of() {
  using namespace json_detail;
  static const json_shape shape = [] {
    json_shape made;
    if constexpr (std::same_as<T, bool>) {
      made.kind = json_kind::boolean;
    } else if constexpr (std::integral<T>) {
      made.kind = json_kind::integer;
      made.lowest = static_cast<std::int64_t>(std::numeric_limits<T>::min());
      made.highest = static_cast<std::uint64_t>(std::numeric_limits<T>::max());
    } else if constexpr (std::floating_point<T>) {
      made.kind = json_kind::number;
    } else if constexpr (std::same_as<T, std::string>) {
      made.kind = json_kind::text;
    } else if constexpr (std::same_as<T, uuid>) {
      made.kind = json_kind::uuid;
    } else if constexpr (std::same_as<T, timestamp>) {
      made.kind = json_kind::timestamp;
    } else if constexpr (is_vector<T>) {
      made.kind = json_kind::list;
      made.element = &shape_of<typename T::value_type>();
    } else {
      static_assert(glz::reflectable<T>, "this type has no JSON form");
      made.kind = json_kind::object;
      made.name = schema_name(glz::name_v<T>);
      constexpr std::size_t size = glz::reflect<T>::size;
      if constexpr (size > 0) {
        using members = decltype(glz::to_tie(std::declval<T&>()));
        [&]<std::size_t... I>(std::index_sequence<I...>) {
          auto add = [&]<class M>(std::string_view name, std::type_identity<M>) {
            made.members.push_back({name, &shape_of<typename optional_value<M>::type>(),
                                    rules_of<T>(name), !is_optional<M>});
          };
          (add(glz::reflect<T>::keys[I],
               std::type_identity<
                 std::remove_cvref_t<decltype(glz::get<I>(std::declval<members&>()))>>{}),
           ...);
        }(std::make_index_sequence<size>{});
      }
    }
    return made;
  }();
  return shape;
}

namespace json_detail {

struct read_options : glz::opts {
  bool null_terminated = false;
  bool error_on_missing_keys = true;
  bool validate_trailing_whitespace = true;
};
struct write_options : glz::opts {
  bool skip_null_members = false; ///< an absent value is `null`, so that answers have one shape
  bool escape_control_characters = true;
};

/// Nesting and UTF-8, before any parser sees the text.
std::optional<failure> check_text(std::string_view text);

/// Whether a value obeys its rules.
bool obeys(const json_rules* rules, std::string_view text);
bool obeys(const json_rules* rules, std::int64_t number);
bool obeys_size(const json_rules* rules, std::size_t items);

template <class T>
bool obeys_all(const T& value, const json_rules* rules) {
  if constexpr (is_optional<T>) {
    return !value || obeys_all(*value, rules);
  } else if constexpr (std::same_as<T, std::string>) {
    return obeys(rules, std::string_view{value});
  } else if constexpr (std::integral<T> && !std::same_as<T, bool>) {
    return obeys(rules, static_cast<std::int64_t>(value));
  } else if constexpr (is_vector<T>) {
    if (!obeys_size(rules, value.size())) return false;
    for (const auto& item : value)
      if (!obeys_all(item, rules)) return false;
    return true;
  } else if constexpr (glz::reflectable<T> && !std::same_as<T, uuid> &&
                       !std::same_as<T, timestamp>) {
    constexpr std::size_t size = glz::reflect<T>::size;
    if constexpr (size == 0) {
      return true;
    } else {
      auto members = glz::to_tie(value);
      const auto& shape = shape_of<T>();
      return [&]<std::size_t... I>(std::index_sequence<I...>) {
        return (obeys_all(glz::get<I>(members), shape.members[I].rules) && ...);
      }(std::make_index_sequence<size>{});
    }
  } else {
    return true;
  }
}

/// Says what is wrong with a text that was not accepted: every wrong field, or where its syntax ends.
failure diagnose(const json_shape& shape, std::string_view text);

// -- pairs of names and values ----------------------------------------------------------------

std::optional<std::string> wrong_text(const json_shape& shape, const json_rules* rules,
                                      std::string_view text);

template <class T>
bool assign(T& out, std::string_view text) {
  if constexpr (is_optional<T>) {
    return assign(out.emplace(), text);
  } else if constexpr (std::same_as<T, std::string>) {
    out.assign(text);
    return true;
  } else if constexpr (std::same_as<T, bool>) {
    out = text == "true";
    return out || text == "false";
  } else if constexpr (std::integral<T>) {
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    return error == std::errc{} && end == text.data() + text.size();
  } else if constexpr (std::same_as<T, uuid>) {
    auto parsed = parse_uuid(text);
    if (parsed) out = *parsed;
    return parsed.has_value();
  } else {
    static_assert(std::same_as<T, timestamp>, "this type cannot be a parameter");
    auto parsed = parse_timestamp(text);
    if (parsed) out = *parsed;
    return parsed.has_value();
  }
}

} // namespace json_detail

/// Decodes `text` into a described struct. Errors: `malformed_body` for what is no JSON, is not UTF-8 or is
/// nested deeper than 64; `invalid_field` with one entry in `fields` for each unknown, missing or wrong
/// member. Never throws, whatever the bytes.
template <class T>
result<T> from_json(std::string_view text) {
  if (auto wrong = json_detail::check_text(text)) return std::unexpected(std::move(*wrong));
  T value{};
  glz::context context{};
  auto error = glz::read<json_detail::read_options{}>(value, text, context);
  if (!error && json_detail::obeys_all(value, nullptr)) return value;
  return std::unexpected(json_detail::diagnose(shape_of<T>(), text));
}

/// Writes `value` to `out`, whose memory is used again.
template <class T>
void to_json(const T& value, std::string& out) {
  // Writing described structs of valid strings cannot fail; a string that is not UTF-8 is passed as it is.
  static_cast<void>(glz::write<json_detail::write_options{}>(value, out));
}

template <class T>
std::string to_json(const T& value) {
  std::string out;
  to_json(value, out);
  return out;
}

/// A name and a value of a query string or a form, decoded.
struct text_pair {
  std::string name;
  std::string value;
};

/// Decodes pairs into a described struct of plain members. Unknown, repeated, missing and wrong ones are
/// `invalid_field`, with a `?` before the name instead of a JSON pointer.
template <class T>
result<T> from_pairs(std::span<const text_pair> pairs) {
  using namespace json_detail;
  const auto& shape = shape_of<T>();
  T value{};
  failure wrong{errc::invalid_field, {}, {}, {}};
  std::vector<bool> seen(shape.members.size());
  constexpr std::size_t size = glz::reflect<T>::size;
  for (const auto& pair : pairs) {
    std::size_t at = 0;
    while (at < size && shape.members[at].name != pair.name) ++at;
    if (at == size) {
      wrong.fields.push_back({"?" + pair.name, "is not known here"});
    } else if (seen[at]) {
      wrong.fields.push_back({"?" + pair.name, "stands more than once"});
    } else {
      seen[at] = true;
      auto problem = wrong_text(*shape.members[at].shape, shape.members[at].rules, pair.value);
      if constexpr (size > 0) {
        auto members = glz::to_tie(value);
        bool assigned = false;
        [&]<std::size_t... I>(std::index_sequence<I...>) {
          ((I == at ? void(assigned = assign(glz::get<I>(members), pair.value)) : void()), ...);
        }(std::make_index_sequence<size>{});
        if (!assigned && !problem) problem = "is not valid";
      }
      if (problem) wrong.fields.push_back({"?" + pair.name, std::move(*problem)});
    }
  }
  for (std::size_t at = 0; at < size; ++at)
    if (!seen[at] && shape.members[at].required)
      wrong.fields.push_back({"?" + std::string{shape.members[at].name}, "is required"});
  if (!wrong.fields.empty()) return std::unexpected(std::move(wrong));
  return value;
}

/// Whether `text` is well-formed UTF-8.
bool is_utf8(std::string_view text) noexcept;

} // namespace troupe

// -- forms of our own types -----------------------------------------------------------------------

template <>
struct glz::from<glz::JSON, troupe::uuid> {
  template <auto Opts>
  static void op(troupe::uuid& value, is_context auto&& ctx, auto&& it, auto end) {
    std::string text;
    parse<JSON>::op<Opts>(text, ctx, it, end);
    if (bool(ctx.error)) return;
    if (auto parsed = troupe::parse_uuid(text))
      value = *parsed;
    else
      ctx.error = error_code::parse_error;
  }
};

template <>
struct glz::to<glz::JSON, troupe::uuid> {
  template <auto Opts>
  static void op(const troupe::uuid& value, is_context auto&& ctx, auto&&... rest) {
    char text[36];
    troupe::format_to(value, text);
    serialize<JSON>::op<Opts>(std::string_view{text, sizeof text}, ctx, rest...);
  }
};

template <>
struct glz::from<glz::JSON, troupe::timestamp> {
  template <auto Opts>
  static void op(troupe::timestamp& value, is_context auto&& ctx, auto&& it, auto end) {
    std::string text;
    parse<JSON>::op<Opts>(text, ctx, it, end);
    if (bool(ctx.error)) return;
    if (auto parsed = troupe::parse_timestamp(text))
      value = *parsed;
    else
      ctx.error = error_code::parse_error;
  }
};

template <>
struct glz::to<glz::JSON, troupe::timestamp> {
  template <auto Opts>
  static void op(const troupe::timestamp& value, is_context auto&& ctx, auto&&... rest) {
    serialize<JSON>::op<Opts>(std::string_view{troupe::to_string(value)}, ctx, rest...);
  }
};
