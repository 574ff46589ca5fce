#include "actors/cluster/placement_actor.hpp"

#include <caf/all.hpp>
#include <optional>
#include <unordered_map>
#include <utility>

#include "actors/cluster/remote/interconnect.hpp"
#include "actors/shard/shard_core.hpp"
#include "base/log.hpp"

namespace troupe {

namespace {

using namespace std::chrono_literals;
using clock = placement::clock;

constexpr auto tick_interval = 200ms;
constexpr auto reading_interval = 1'000ms;
constexpr auto unfinished_interval = 250ms;
/// While shards move, and for a while after the last one: each waits for this node twice.
constexpr auto moving_interval = 25ms;
constexpr auto moves_linger = 3'000ms;
/// How long a request for a shard counts that this node could not grant yet.
constexpr auto request_lifetime = 2'000ms;

struct placement_state {
  static inline const char* name = "placement";

  placement_parts parts;
  placement::settings settings;
  std::optional<placement> part;
  clock::time_point last_reading{};
  std::int64_t version_read = -1; ///< of the membership, at the last reading
  std::optional<clock::time_point> moves_seen;
  bool unfinished = true;
  bool outdated = false;
  bool failing = false;   ///< the last reading failed: said once in the log
  bool activated = false; ///< it has asked to be active; never again
  std::optional<clock::time_point> joined_at;
  std::unordered_map<shard_ref, std::pair<hand_off_asked, clock::time_point>> asked_by;

  bool moving(clock::time_point now) const {
    return moves_seen && now - *moves_seen < moves_linger;
  }

  void read(const membership_view::picture& members, clock::time_point now) {
    const auto interval = moving(now)  ? moving_interval
                          : unfinished ? unfinished_interval
                                       : reading_interval;
    // Moves and pins change the version, too: news to be read at once.
    if (members.version == version_read && !outdated && now - last_reading < interval) return;
    last_reading = now;
    version_read = members.version;
    auto seen = parts.store->read();
    if (!seen) {
      if (!std::exchange(failing, true))
        log::warn("placement", "cannot_read", {{"detail", seen.error().detail}});
      return;
    }
    if (std::exchange(failing, false)) log::info("placement", "reads_again");
    if (!seen->moving.empty()) moves_seen = now;
    parts.databases->refresh(seen->databases, seen->homes);
    auto changed = part->learn(*seen, clock::now());
    if (!changed.empty()) parts.links->owners_changed(std::move(changed));
  }

  /// Active, once the others can be reached: from then on they hand shards over.
  void activate(const membership_view::picture& members, clock::time_point now) {
    const auto* self = members.find(settings.self);
    if (activated || !self || self->state != member_state::joining) return;
    if (!joined_at) joined_at = now;
    const bool linked = std::ranges::all_of(members.members, [&](const member_record& member) {
      return member.incarnation == settings.self || member.link_host.empty() ||
             parts.links->linked(member.incarnation);
    });
    if (!linked && now - *joined_at < parts.link_patience) return;
    activated = true;
    caf::anon_send(parts.membership, change_member_state{member_state::active, "serves"});
    caf::anon_send(parts.membership, look_now{});
  }

  void act(clock::time_point now) {
    const auto members = parts.members->current();
    activate(*members, now);
    if (!parts.members->lease().valid()) return;
    read(*members, now);
    auto plan = part->make_plan(
      *members, [this](const uuid& node) { return parts.links->linked(node); }, now);
    unfinished = plan.unfinished;
    outdated = plan.outdated;
    for (const auto& ref : plan.release)
      if (auto actor = parts.table->local(ref))
        caf::anon_send(caf::actor_cast<shard_actor>(actor), release_shard{});
    for (const auto& next : plan.acquire)
      if (auto actor = parts.table->local(next.ref))
        caf::anon_send(caf::actor_cast<shard_actor>(actor),
                       acquire_shard{next.seen_epoch, parts.databases->at(next.ref)});
    for (const auto& next : plan.ask) parts.links->ask_for(next.owner, next.ref, next.epoch);
    grant(*members, now);
  }

  /// Gives away what others asked for and, by what this node knows of the members now, should have.
  void grant(const membership_view::picture& members, clock::time_point now) {
    std::erase_if(asked_by, [&](const auto& entry) {
      const auto& [asked, at] = entry.second;
      if (now - at > request_lifetime) return true;
      if (!part->grants(asked.node, asked.ref, asked.epoch, members)) return false;
      if (auto actor = parts.table->local(asked.ref))
        caf::anon_send(caf::actor_cast<shard_actor>(actor), release_shard{});
      return true;
    });
  }
};

using placement_pointer = placement_actor::stateful_pointer<placement_state>;

placement_actor::behavior_type placement_behavior(placement_pointer self,
                                                  placement::settings settings,
                                                  placement_parts parts) {
  auto& state = self->state;
  state.parts = std::move(parts);
  state.settings = settings;
  state.part.emplace(settings, *state.parts.board, *state.parts.owners);
  self->delayed_send(self, 1ms, caf::tick_atom_v);
  return {
    [self](place_now) { self->state.act(clock::now()); },
    [self](const hand_off_asked& asked) {
      auto& s = self->state;
      const auto now = clock::now();
      s.asked_by.insert_or_assign(asked.ref, std::pair{asked, now});
      const auto members = s.parts.members->current();
      s.grant(*members, now);
      // Perhaps the other one knows of a change that this node has yet to see.
      if (s.asked_by.contains(asked.ref)) caf::anon_send(s.parts.membership, look_now{});
    },
    [self](caf::tick_atom) {
      const auto now = clock::now();
      self->delayed_send(self, self->state.moving(now) ? moving_interval : tick_interval,
                         caf::tick_atom_v);
      self->state.act(now);
    },
  };
}

} // namespace

placement_actor spawn_placement(caf::actor_system& system, placement::settings settings,
                                placement_parts parts) {
  return system.spawn<caf::detached>(placement_behavior, settings, std::move(parts));
}

} // namespace troupe
