#include "actors/cluster/placement.hpp"

#include <algorithm>
#include <cmath>

#include "base/stable_hash.hpp"

namespace troupe {

namespace {

/// At most that many hand-offs wait at owners that go on serving.
constexpr std::size_t max_asked = 32;

double score_of(shard_ref ref, const member_record& member) {
  const auto key = member.node + '\n' + to_string(ref);
  // 53 bits of the hash as a number between 0 and 1, both excluded
  const auto drawn = (static_cast<double>(stable_hash(key) >> 11) + 0.5) / 9007199254740992.0;
  return static_cast<double>(member.weight) / -std::log(drawn);
}

} // namespace

const member_record* wanted_owner(shard_ref ref, std::span<const member_record> members,
                                  const std::string* pin) {
  const member_record* best = nullptr;
  double best_score = 0;
  for (const auto& member : members) {
    if (member.state != member_state::active || !member.hosts(ref.fam)) continue;
    const bool pinned = pin && *pin == member.node;
    const auto score = pinned ? HUGE_VAL : score_of(ref, member);
    if (!best || score > best_score ||
        (score == best_score && member.incarnation > best->incarnation)) {
      best = &member;
      best_score = score;
    }
  }
  return best;
}

placement::placement(settings wanted, const shard_board& board, remote::owner_directory& owners)
  : settings_(wanted), board_(board), owners_(owners) {}

const std::string* placement::pin_of(shard_ref ref) const {
  const auto found = pins_.find(ref);
  return found == pins_.end() ? nullptr : &found->second;
}

std::vector<shard_ref> placement::learn(const placement_store::picture& seen,
                                        clock::time_point read_at) {
  pins_.clear();
  for (const auto& pin : seen.pins) pins_.insert_or_assign(pin.ref, pin.node);
  moving_ = {seen.moving.begin(), seen.moving.end()};
  std::vector<shard_ref> changed;
  for (const auto& fence : seen.fences) {
    read_.insert_or_assign(fence.ref, reading{read_at, fence.epoch});
    if (!fence.owner) {
      if (owners_.give_up(fence.ref, fence.epoch)) changed.push_back(fence.ref);
      continue;
    }
    if (*fence.owner != settings_.self && owners_.own(fence.ref, fence.epoch, *fence.owner))
      changed.push_back(fence.ref);
  }
  return changed;
}

double placement::allowance(clock::time_point now) {
  const auto since = active_since_.value_or(now);
  const auto ramp = std::chrono::duration<double>(settings_.ramp_up).count();
  const auto age = std::chrono::duration<double>(now - since).count();
  const auto share = ramp > 0 ? std::min(1.0, (age + ramp / 10) / ramp) : 1.0;
  const auto rate = share * settings_.moves_per_second;
  const auto passed = std::min(1.0, std::chrono::duration<double>(now - last_plan_).count());
  tokens_ = std::min(rate, tokens_ + rate * passed);
  last_plan_ = now;
  return tokens_;
}

placement::plan placement::make_plan(const membership_view::picture& members,
                                     const std::function<bool(const uuid&)>& linked,
                                     clock::time_point now) {
  plan made;
  for (const auto& ref : moving_) {
    const auto state = board_.at(ref).state.load(std::memory_order_relaxed);
    if (state == shard_state::active || state == shard_state::loading) made.release.push_back(ref);
  }
  const auto* self = members.find(settings_.self);
  if (!self || self->state != member_state::active) return made;
  if (!active_since_) active_since_ = now;
  allowance(now);
  std::erase_if(asked_, [&](const auto& entry) { return now - entry.second > settings_.patience; });

  for (const auto& info : families) {
    if (!self->hosts(info.id)) continue;
    const auto& list = board_.of(info.id);
    for (std::int32_t s = 0; s < static_cast<std::int32_t>(list.size()); ++s) {
      const shard_ref ref{info.id, s};
      const auto state = list[static_cast<std::size_t>(s)].state.load(std::memory_order_relaxed);
      if (state == shard_state::acquiring || state == shard_state::loading ||
          state == shard_state::active || state == shard_state::draining)
        continue;
      const auto* wanted = wanted_owner(ref, members.members, pin_of(ref));
      if (!wanted || wanted->incarnation != settings_.self) continue;
      made.unfinished = true;
      if (moving_.contains(ref)) continue;

      const auto known = owners_.find(ref);
      const auto* owner = known.owner.is_nil() || known.owner == settings_.self
                            ? nullptr
                            : members.find(known.owner);
      if (owner) {
        if (asked_.contains(ref) || !linked(owner->incarnation)) continue;
        if (owner->state == member_state::active) {
          if (tokens_ < 1 || asked_.size() >= max_asked) continue;
          tokens_ -= 1;
        }
        asked_.insert_or_assign(ref, now);
        made.ask.push_back({owner->incarnation, ref, known.epoch});
        continue;
      }
      // Nobody is known to own it, or the owner has ended. One that only the databases know of may have
      // joined after the members were read: then they have to be read again.
      const auto read = read_.find(ref);
      if (read == read_.end()) continue;
      if (!known.owner.is_nil() && known.owner != settings_.self &&
          members.asked_at < read->second.at)
        continue;
      // An epoch that only others told of may be that of a mover, who perhaps is about to change the home.
      if (known.epoch > read->second.epoch) {
        made.outdated = true;
        continue;
      }
      asked_.erase(ref);
      made.acquire.push_back({ref, known.epoch});
    }
  }
  return made;
}

bool placement::grants(const uuid& node, shard_ref ref, std::int64_t epoch,
                       const membership_view::picture& members) const {
  const auto& entry = board_.at(ref);
  const auto state = entry.state.load(std::memory_order_relaxed);
  if (state != shard_state::active && state != shard_state::loading) return false;
  // The fence may be ahead of the tenure by commits in doubt, never behind.
  if (epoch < entry.epoch.load(std::memory_order_relaxed)) return false;
  if (moving_.contains(ref)) return false;
  const auto* wanted = wanted_owner(ref, members.members, pin_of(ref));
  return wanted && wanted->incarnation == node;
}

} // namespace troupe
