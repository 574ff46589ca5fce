#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "persistence/redis/connection.hpp"
#include "persistence/redis_port.hpp"

// How each operation of the port is said to Redis, and how its replies are read. Pure. Scripts keep
// each operation atomic; all keys of one script carry the same hash tag, so that Redis Cluster
// takes them too.

namespace troupe::redis_codec {

/// Lua that runs inside Redis. Loaded after each connect; called by its digest.
enum class script : std::uint8_t { count_failure, share_revocations, load_revocations, add_usage };
inline constexpr std::size_t script_count = 4;

std::string_view source_of(script which) noexcept;

/// The digests that Redis gave for the loaded scripts, in the order of `script`.
using script_digests = std::array<std::string, script_count>;

/// Where revocations are published: one channel per database of a Redis, as channels know no
/// databases.
std::string revocation_channel(std::uint32_t database);

/// The commands of an operation; none for one upon nothing.
std::vector<redis_connection::command> encode(const redis_operation& operation,
                                              const script_digests& scripts,
                                              std::uint32_t database);

/// Reads the replies to the commands of `encode`. Errors: `storage_unavailable` when Redis refused
/// one or answered in another shape.
result<redis_answer> decode(const redis_operation& operation, std::span<const redis_reply> replies);

/// Whether Redis does not know a script (any more), so that they must be loaded again.
bool lacks_script(const redisReply& reply) noexcept;

/// Reads a published message; nothing for one in another shape.
std::optional<revocations_heard> decode_revocations(std::string_view payload);

} // namespace troupe::redis_codec
