#include "actors/cluster/death_watch.hpp"

#include <algorithm>
#include <utility>

namespace troupe {

std::vector<death_watch::suspect> death_watch::observe(clock::time_point sent,
                                                       clock::time_point received,
                                                       std::span<const member_record> members,
                                                       const uuid& self) {
  if (sent - last_ > options_.longest_gap) seen_.clear();
  last_ = received;
  std::vector<suspect> suspects;
  std::unordered_map<uuid, observation> next;
  for (const auto& member : members) {
    if (member.incarnation == self) continue;
    auto found = seen_.find(member.incarnation);
    auto& now = next[member.incarnation];
    if (found == seen_.end() || found->second.seq != member.renew_seq) {
      now = {member.renew_seq, member.lease, received, 1};
      continue;
    }
    now = found->second;
    ++now.polls;
    // From the answer of the first poll to the question of the last: what both saw held in between.
    const auto watched = sent - now.since;
    if (now.polls >= std::min(options_.votes_from, options_.polls) && watched >= member.lease)
      suspects.push_back(
        {member.incarnation, member.renew_seq,
         now.polls >= options_.polls && watched >= member.lease + options_.margin});
  }
  seen_ = std::move(next);
  return suspects;
}

std::optional<death_watch::clock::time_point> death_watch::due() const {
  std::optional<clock::time_point> next;
  for (const auto& [incarnation, observed] : seen_) {
    if (observed.polls < 2) continue; // it has not missed a renewal
    const auto lease_over = observed.since + observed.lease;
    for (const auto at : {lease_over, lease_over + options_.margin})
      if (at > last_ && (!next || at < *next)) next = at;
  }
  return next;
}

} // namespace troupe
