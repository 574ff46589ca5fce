#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/timestamp.hpp"
#include "base/uuid.hpp"

// What clients of a drill did and saw, and what nodes said of their shards. Plain values that the checker
// reads.

namespace troupe::drill {

using clock = std::chrono::steady_clock;

enum class action : std::uint8_t { sign_up, put_game, remove_game, read_library, read_profile };
std::string_view to_string(action what) noexcept;

enum class ending : std::uint8_t {
  ok,      ///< answered with what was asked for
  failed,  ///< refused: nothing was carried out
  unknown, ///< no answer, or one that leaves open whether it was carried out
};

/// One request of a client, with its second attempt at another gateway if it had one.
struct operation {
  action what = action::read_profile;
  ending end = ending::unknown;
  unsigned status = 0; ///< of HTTP; 0: no answer
  std::size_t player = 0;
  std::size_t game = 0;      ///< for put_game and remove_game
  std::string key;           ///< Idempotency-Key; empty for reads
  std::string name;          ///< for sign_up
  bool created = false;      ///< put_game: it was not there before
  std::vector<bool> library; ///< read_library: which games were there
  clock::time_point began;
  clock::time_point ended;
  bool second_attempt = false;
};

/// A shard changed its state on a node: one line of that node's log.
struct transition {
  timestamp at;
  std::string shard; ///< "player/17"
  std::int64_t epoch = 0;
  std::string incarnation;
  std::string from;
  std::string to;
};

/// From then on a node could not answer anything: it was killed or put to sleep. When it wakes, its lease
/// is over.
struct standstill {
  timestamp at;
  std::string incarnation;
};

} // namespace troupe::drill
