#pragma once

#include <caf/message.hpp>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "actors/api/call.hpp"
#include "base/error.hpp"

namespace troupe::remote {

/// A kind of request that may be sent to a shard of another node: its number on the wire, and how it and
/// its answer become bytes and messages again. The numbers are frozen: append, never renumber.
struct wire_kind {
  std::uint16_t id;
  std::string_view name;
  caf::type_id_t request; ///< this version's type of it

  /// Appends the msgpack form of a request, the second element of (call, request).
  void (*write_request)(const caf::message& content, std::string& out);
  /// The message (call, request). Errors: `malformed_body`.
  result<caf::message> (*read_request)(const call& c, std::string_view bytes);
  /// Appends the msgpack form of an answer. False when the message is no answer to this kind.
  bool (*write_answer)(const caf::message& content, std::string& out);
  /// Errors: `malformed_body`.
  result<caf::message> (*read_answer)(std::string_view bytes);
};

std::span<const wire_kind> wire_kinds() noexcept;

/// Null for a number that this version does not know.
const wire_kind* find_wire_kind(std::uint16_t id) noexcept;

/// Null for what is no (call, request) of a known kind.
const wire_kind* wire_kind_of(const caf::message& content) noexcept;

} // namespace troupe::remote
