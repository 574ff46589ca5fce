#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace troupe {

/// Where a shard stands on this node.
enum class shard_state : std::uint8_t {
  unowned,   ///< nothing asked for yet
  acquiring, ///< asks the fence for a new epoch
  loading,   ///< has the epoch, reads what it must know before it serves
  active,    ///< serves
  draining,  ///< serves what is under way, takes nothing new
  released,  ///< given up by itself
  fenced,    ///< a higher epoch exists: all memory dropped
};

inline constexpr std::size_t shard_state_count = 7;

std::string_view to_string(shard_state s) noexcept;

} // namespace troupe
