#pragma once

#include <array>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <glaze/core/reflect.hpp>

#include "base/error.hpp"
#include "base/timestamp.hpp"
#include "base/uuid.hpp"

// msgpack of described structs: a struct is a map from its members' names to their values, so that a
// reader ignores members it does not know and keeps the default of those that are missing. Ids and digests
// are bin, timestamps and enums integers, an empty optional is nil.

namespace troupe {

/// Bounds of what is read; past them the input is refused before memory is taken for it.
struct msgpack_limits {
  std::size_t bytes = 4 * 1024 * 1024;
  std::size_t depth = 64;
};

namespace msgpack_detail {

/// Appends values to a buffer it does not own.
class writer {
public:
  explicit writer(std::string& out) noexcept : out_(out) {}

  void nil();
  void boolean(bool value);
  void integer(std::int64_t value);
  void natural(std::uint64_t value);
  void real(double value);
  void text(std::string_view value);
  void binary(const void* data, std::size_t size);
  void array(std::size_t size);
  void map(std::size_t size);

private:
  std::string& out_;
};

/// A value of a parsed document; valid as long as the document.
class node {
public:
  explicit node(const void* object) noexcept : object_(object) {}

  bool is_nil() const noexcept;
  std::optional<bool> boolean() const noexcept;
  std::optional<std::int64_t> integer() const noexcept;
  std::optional<std::uint64_t> natural() const noexcept;
  std::optional<double> real() const noexcept;
  std::optional<std::string_view> text() const noexcept;
  std::optional<std::string_view> binary() const noexcept;
  /// How many elements an array has; nothing when this is no array.
  std::optional<std::size_t> array_size() const noexcept;
  node element(std::size_t at) const noexcept;
  bool is_map() const noexcept;
  /// The value of a text key of a map. `hint` is where the key stands when writer and reader agree.
  std::optional<node> member(std::string_view key, std::size_t hint) const noexcept;

private:
  const void* object_;
};

class document {
public:
  static result<document> parse(std::string_view bytes, msgpack_limits limits);
  node root() const noexcept;

private:
  struct holder;
  explicit document(std::shared_ptr<const holder> held) noexcept : held_(std::move(held)) {}
  std::shared_ptr<const holder> held_;
};

template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;
template <class T>
inline constexpr bool is_vector = false;
template <class T>
inline constexpr bool is_vector<std::vector<T>> = true;
template <class T>
inline constexpr bool is_byte_array = false;
template <std::size_t N>
inline constexpr bool is_byte_array<std::array<std::uint8_t, N>> = true;
template <class T>
inline constexpr bool is_pair = false;
template <class A, class B>
inline constexpr bool is_pair<std::pair<A, B>> = true;

template <class T>
void write(writer& out, const T& value) {
  if constexpr (std::same_as<T, bool>) {
    out.boolean(value);
  } else if constexpr (std::is_enum_v<T>) {
    out.integer(static_cast<std::int64_t>(value));
  } else if constexpr (std::signed_integral<T>) {
    out.integer(value);
  } else if constexpr (std::unsigned_integral<T>) {
    out.natural(value);
  } else if constexpr (std::floating_point<T>) {
    out.real(value);
  } else if constexpr (std::same_as<T, std::string>) {
    out.text(value);
  } else if constexpr (std::same_as<T, uuid>) {
    out.binary(value.bytes.data(), value.bytes.size());
  } else if constexpr (std::same_as<T, timestamp>) {
    out.integer(value.unix_ms);
  } else if constexpr (is_byte_array<T>) {
    out.binary(value.data(), value.size());
  } else if constexpr (is_optional<T>) {
    if (value)
      write(out, *value);
    else
      out.nil();
  } else if constexpr (is_vector<T>) {
    out.array(value.size());
    for (const auto& item : value) write(out, item);
  } else if constexpr (is_pair<T>) {
    out.array(2);
    write(out, value.first);
    write(out, value.second);
  } else {
    static_assert(glz::reflectable<T>, "this type has no msgpack form");
    constexpr std::size_t size = glz::reflect<T>::size;
    out.map(size);
    if constexpr (size > 0) {
      auto members = glz::to_tie(value);
      [&]<std::size_t... I>(std::index_sequence<I...>) {
        ((out.text(glz::reflect<T>::keys[I]), write(out, glz::get<I>(members))), ...);
      }(std::make_index_sequence<size>{});
    }
  }
}

template <class T>
bool assign_integer(const node& in, T& value) {
  if constexpr (std::signed_integral<T>) {
    auto got = in.integer();
    if (!got || *got < std::numeric_limits<T>::min() || *got > std::numeric_limits<T>::max())
      return false;
    value = static_cast<T>(*got);
  } else {
    auto got = in.natural();
    if (!got || *got > std::numeric_limits<T>::max()) return false;
    value = static_cast<T>(*got);
  }
  return true;
}

inline bool assign_bytes(const node& in, std::uint8_t* out, std::size_t size) {
  auto got = in.binary();
  if (!got || got->size() != size) return false;
  std::memcpy(out, got->data(), size);
  return true;
}

/// False when the value has another type; `where` then names the member.
template <class T>
bool read(const node& in, T& value, std::string& where) {
  if constexpr (std::same_as<T, bool>) {
    auto got = in.boolean();
    if (got) value = *got;
    return got.has_value();
  } else if constexpr (std::is_enum_v<T>) {
    std::underlying_type_t<T> number{};
    if (!assign_integer(in, number)) return false;
    value = static_cast<T>(number);
    return true;
  } else if constexpr (std::integral<T>) {
    return assign_integer(in, value);
  } else if constexpr (std::floating_point<T>) {
    auto got = in.real();
    if (got) value = static_cast<T>(*got);
    return got.has_value();
  } else if constexpr (std::same_as<T, std::string>) {
    auto got = in.text();
    if (got) value.assign(*got);
    return got.has_value();
  } else if constexpr (std::same_as<T, uuid>) {
    return assign_bytes(in, value.bytes.data(), value.bytes.size());
  } else if constexpr (std::same_as<T, timestamp>) {
    return assign_integer(in, value.unix_ms);
  } else if constexpr (is_byte_array<T>) {
    return assign_bytes(in, value.data(), value.size());
  } else if constexpr (is_optional<T>) {
    if (in.is_nil()) {
      value.reset();
      return true;
    }
    return read(in, value.emplace(), where);
  } else if constexpr (is_vector<T>) {
    auto size = in.array_size();
    if (!size) return false;
    value.clear();
    value.reserve(*size);
    for (std::size_t at = 0; at < *size; ++at)
      if (!read(in.element(at), value.emplace_back(), where)) return false;
    return true;
  } else if constexpr (is_pair<T>) {
    return in.array_size() == 2 && read(in.element(0), value.first, where) &&
           read(in.element(1), value.second, where);
  } else {
    static_assert(glz::reflectable<T>, "this type has no msgpack form");
    if (!in.is_map()) return false;
    constexpr std::size_t size = glz::reflect<T>::size;
    if constexpr (size == 0) {
      return true;
    } else {
      auto members = glz::to_tie(value);
      auto read_one = [&](std::string_view key, std::size_t at, auto& member) {
        auto found = in.member(key, at);
        if (!found || read(*found, member, where)) return true;
        where.insert(0, key).insert(0, 1, '/');
        return false;
      };
      return [&]<std::size_t... I>(std::index_sequence<I...>) {
        return (read_one(glz::reflect<T>::keys[I], I, glz::get<I>(members)) && ...);
      }(std::make_index_sequence<size>{});
    }
  }
}

} // namespace msgpack_detail

/// Appends the msgpack form of `value` to `out`.
template <class T>
void append_msgpack(std::string& out, const T& value) {
  msgpack_detail::writer to{out};
  msgpack_detail::write(to, value);
}

template <class T>
std::string to_msgpack(const T& value) {
  std::string out;
  append_msgpack(out, value);
  return out;
}

/// Errors: `malformed_body` for bytes that are no msgpack, are past the limits or have another shape.
template <class T>
result<T> from_msgpack(std::string_view bytes, msgpack_limits limits = {}) {
  auto parsed = msgpack_detail::document::parse(bytes, limits);
  if (!parsed) return std::unexpected(std::move(parsed.error()));
  T value{};
  std::string where;
  if (!msgpack_detail::read(parsed->root(), value, where))
    return fail(errc::malformed_body, "msgpack value has another type at '" + where + "'");
  return value;
}

} // namespace troupe
