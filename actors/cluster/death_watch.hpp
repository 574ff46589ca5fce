#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "base/uuid.hpp"
#include "persistence/membership_store.hpp"

namespace troupe {

/// Finds members that no longer renew, by this node's own observation: a member is certainly gone when at
/// least `polls` polls in a row, over at least its lease and `margin`, have all shown the same renewal. When
/// only its lease is over, and `votes_from` polls, it is a suspect whose end needs the vote of another
/// member that saw the same.
/// No clock but this node's monotonic one is used. A poll that failed, or a pause between two polls that is
/// too long to have watched (this process may have been stopped), starts every observation anew, so that a
/// database that is away, or a machine that slept, kills nobody.
///
/// Plain values in, plain values out; owned by membership, used by its thread only.
class death_watch {
public:
  using clock = std::chrono::steady_clock;

  struct settings {
    std::uint32_t polls = 5;
    std::uint32_t votes_from = 3;
    std::chrono::milliseconds margin{500};
    std::chrono::milliseconds longest_gap{1'500}; ///< between two polls that belong together
  };

  struct suspect {
    uuid incarnation;
    std::int64_t seen_seq = 0;
    bool certain = false; ///< else one more observer has to agree
  };

  explicit death_watch(settings options) : options_(options) {}

  /// A poll was sent at `sent`, answered at `received` and showed `members`. `self` is never a suspect. A
  /// suspect is named again by every poll until it is gone.
  std::vector<suspect> observe(clock::time_point sent, clock::time_point received,
                               std::span<const member_record> members, const uuid& self);

  void poll_failed() noexcept { seen_.clear(); }

  /// The next moment at which a poll could find a member gone that stands still now; none: all renew.
  std::optional<clock::time_point> due() const;

private:
  struct observation {
    std::int64_t seq = 0;
    std::chrono::milliseconds lease{};
    clock::time_point since; ///< when the first poll that showed `seq` was answered
    std::uint32_t polls = 0;
  };

  settings options_;
  clock::time_point last_{};
  std::unordered_map<uuid, observation> seen_;
};

} // namespace troupe
