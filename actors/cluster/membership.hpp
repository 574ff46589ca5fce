#pragma once

#include <algorithm>
#include <caf/typed_actor.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "actors/cluster/death_watch.hpp"
#include "actors/type_ids.hpp"
#include "base/lease.hpp"
#include "base/metrics.hpp"
#include "persistence/membership_store.hpp"

namespace troupe {

/// What this node knows of the cluster, for readiness, the operations port and shard actors. One per node;
/// membership writes it, every thread may read.
class membership_view {
public:
  struct picture {
    std::int64_t version = 0;
    std::vector<member_record> members; ///< those that neither left nor are dead
    /// Before the question was sent: whoever had joined by then and is not here has ended.
    std::chrono::steady_clock::time_point asked_at;

    const member_record* find(const uuid& incarnation) const noexcept {
      const auto found = std::ranges::find(members, incarnation, &member_record::incarnation);
      return found == members.end() ? nullptr : &*found;
    }
  };

  std::shared_ptr<const picture> current() const {
    std::scoped_lock lock{mutex_};
    return current_;
  }
  void show(picture next) {
    auto made = std::make_shared<const picture>(std::move(next));
    std::scoped_lock lock{mutex_};
    current_ = std::move(made);
  }

  node_lease& lease() noexcept { return lease_; }
  const node_lease& lease() const noexcept { return lease_; }

private:
  mutable std::mutex mutex_;
  std::shared_ptr<const picture> current_ = std::make_shared<const picture>();
  node_lease lease_;
};

struct membership_settings {
  member_record self;
  std::chrono::milliseconds renew_interval{500};
  death_watch::settings watch;
  /// Whether a member of this node's name is known for certain to run no more. Asked when this node joins,
  /// so that one that starts again after a crash need not wait for its own death.
  std::function<bool(const member_record&)> has_ended;
  /// The fingerprints of this node's certificates, when they have changed since they were last asked for.
  std::function<std::optional<std::vector<std::string>>()> new_certificates;
  /// Called when this node has declared another one dead, in membership's thread: the others should look.
  std::function<void()> on_declared;
  /// Called after each look, in membership's thread.
  std::function<void(std::shared_ptr<const membership_view::picture>)> on_picture;
  /// Called once, in membership's thread, when this incarnation was declared dead.
  std::function<void()> on_death;
};

/// Counts what membership does.
class membership_probe {
public:
  explicit membership_probe(metric_registry& registry);
  void renewed(bool done) { (done ? renewals_ : failures_).Increment(); }
  void declared_dead() { deaths_.Increment(); }

private:
  prometheus::Counter& renewals_;
  prometheus::Counter& failures_;
  prometheus::Counter& deaths_;
};

/// This node's part in the membership, without an actor: renews its own row, watches the others, declares
/// dead who no longer renews. Blocks in the store; owned and used by one thread.
class membership {
public:
  using clock = std::chrono::steady_clock;

  membership(membership_settings settings, std::shared_ptr<membership_store> store,
             std::shared_ptr<membership_view> view, std::shared_ptr<membership_probe> probe,
             std::function<clock::time_point()> now = clock::now);

  /// One renewal and what follows from it. The lease counts from before it was sent.
  void renew();

  /// What the others shall see: tried at once, and again at each renewal until it is so. After `left`,
  /// tried once, nothing is renewed and no lease is valid.
  void change_state(member_state to, std::string_view why);

  bool ended() const noexcept { return ended_; }

  /// When to renew again after a renewal that began at `began`: an interval later, or when a member that
  /// stands still could be found gone.
  clock::time_point next_after(clock::time_point began) const;

private:
  result<membership_store::renewal> ask();
  void suspect(const death_watch::suspect& who, const membership_view::picture& known);
  void declare_dead(const member_record& who, std::int64_t seen_seq, const std::string& why);
  void end_predecessors(const membership_view::picture& known);
  void show_certificates();
  void tell_state();
  void failed(std::string_view step, const failure& why);
  void die();

  membership_settings settings_;
  std::shared_ptr<membership_store> store_;
  std::shared_ptr<membership_view> view_;
  std::shared_ptr<membership_probe> probe_;
  std::function<clock::time_point()> now_;
  death_watch watch_;
  member_state wanted_ = member_state::joining;
  member_state stored_ = member_state::joining; ///< as last read or written
  std::string wanted_why_;
  bool joined_ = false;
  bool looked_ = false; ///< at least once
  bool ended_ = false;
  bool failing_ = false; ///< the last renewal failed: said once in the log
};

struct change_member_state {
  member_state to = member_state::draining;
  std::string why;
};
struct member_state_changed {};

/// Asks for a look now, before the next renewal is due.
struct look_now {};

/// Runs membership on a thread of its own: a renewal each interval. It joins at its first renewal that
/// succeeds, and goes on by itself however long the control database is away.
///
/// (change_member_state) -> member_state_changed   after one attempt, whether it succeeded or not
using membership_actor =
  caf::typed_actor<caf::result<member_state_changed>(change_member_state),
                   caf::result<void>(look_now), caf::result<void>(caf::tick_atom)>;

membership_actor spawn_membership(caf::actor_system& system, membership_settings settings,
                                  std::shared_ptr<membership_store> store,
                                  std::shared_ptr<membership_view> view,
                                  std::shared_ptr<membership_probe> probe);

} // namespace troupe
