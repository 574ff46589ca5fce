#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/msgpack.hpp"
#include "gateway/keys.hpp"

// Cursors of pages: where a list goes on, opaque to clients. base64url over a keyed tag and the
// msgpack of the position. The tag covers the route and its filters, so that a cursor of another
// list, or garbage, is `invalid_cursor`.

namespace troupe::gateway {

std::string seal_cursor(const gateway_keys& keys, std::string_view bound_to,
                        std::string_view content);
std::optional<std::string> open_cursor(const gateway_keys& keys, std::string_view bound_to,
                                       std::string_view cursor);

template <class Position>
std::string make_cursor(const gateway_keys& keys, std::string_view bound_to,
                        const Position& position) {
  return seal_cursor(keys, bound_to, to_msgpack(position));
}

template <class Position>
result<Position> read_cursor(const gateway_keys& keys, std::string_view bound_to,
                             std::string_view cursor) {
  auto content = open_cursor(keys, bound_to, cursor);
  if (!content) return fail(errc::invalid_cursor);
  auto position = from_msgpack<Position>(*content, {.bytes = 1024, .depth = 4});
  if (!position) return fail(errc::invalid_cursor);
  return position;
}

} // namespace troupe::gateway
