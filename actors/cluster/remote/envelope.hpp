#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/family.hpp"
#include "base/uuid.hpp"
#include "persistence/records.hpp"

// What one node sends to another: a frame of a link holds items, each a kind, a head and a body. Heads and
// bodies are msgpack maps, in which a reader skips what it does not know and takes a default for what it
// misses, so that nodes of neighbouring versions understand one another. The numbers and names are
// frozen: add, never change (tests/unit/actors/cluster/remote/envelope_test.cpp holds their bytes).
//
//   item: kind u8, size of the head u32, size of the body u32 (big-endian), head, body

namespace troupe::remote {

enum class item_kind : std::uint8_t {
  request = 1,   ///< head `request_head`, body the request
  answer = 2,    ///< head `answer_head`, body the answer unless it failed
  ownership = 3, ///< head `ownership_head`: what changed about one of the sender's shards
  hand_off = 4,  ///< head `hand_off_head`: the sender wants a shard of the receiver's
  nudge = 5,     ///< head `nudge_head`: something changed that the receiver may want to look at now
};

/// A request for a shard.
struct request_head {
  std::uint64_t id = 0;     ///< the sender's, for the answer
  std::uint16_t kind = 0;   ///< of the request, see wire_kinds.hpp
  std::uint16_t schema = 1; ///< of its body
  std::uint8_t family = 0;  ///< number of the shard's family
  std::int32_t shard = 0;
  std::int64_t epoch = 0; ///< at which the sender knows the receiver to own it; 0: not known
  uuid op_id;
  digest request_hash{};          ///< all zero: the client named no operation
  std::uint32_t remaining_ms = 0; ///< until the deadline
  uuid trace;                     ///< the request's id in logs
  bool again = false;             ///< an earlier attempt may have been carried out
};

struct answer_head {
  std::uint64_t id = 0;
  std::uint8_t code = 0; ///< `errc`; 0: the body is the answer
  std::string detail;
  std::uint32_t retry_after_s = 0;
  // With `not_owner`: what the answering node knows.
  std::int64_t epoch = 0;
  uuid owner; ///< nil: not known
};

struct ownership_head {
  std::uint8_t family = 0;
  std::int32_t shard = 0;
  std::int64_t epoch = 0;
  bool owns = false; ///< false: given up, or lost, at that epoch
};

struct hand_off_head {
  std::uint8_t family = 0;
  std::int32_t shard = 0;
  std::int64_t epoch = 0; ///< of the tenure that shall end
};

struct nudge_head {
  std::uint8_t what = 0; ///< `nudge_kind`; others are for later versions
};
enum class nudge_kind : std::uint8_t {
  membership = 1, ///< a member's state changed
  catalog = 2,    ///< the catalogue changed
  events = 3,     ///< providers or events changed
};

/// Of a request's or an answer's body. A larger one is refused before it is sent.
inline constexpr std::size_t max_body = 4 * 1024 * 1024;

/// Appends one item to `frame`. `head` is msgpack.
void append_item(std::string& frame, item_kind kind, std::string_view head, std::string_view body);

/// One item of a frame; valid as long as the frame's bytes.
struct item {
  std::uint8_t kind = 0; ///< any number: unknown ones are skipped
  std::string_view head;
  std::string_view body;
};

/// Takes the next item off `frame`. Nothing at its end, or when the rest is no item: `malformed` then.
std::optional<item> next_item(std::span<const std::byte>& frame, bool& malformed);

/// The shard of a head, when this version has such a family and `shard` is not negative.
std::optional<shard_ref> shard_of_head(std::uint8_t fam, std::int32_t shard);

} // namespace troupe::remote
