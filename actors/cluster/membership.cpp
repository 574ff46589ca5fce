#include "actors/cluster/membership.hpp"

#include <algorithm>
#include <caf/all.hpp>
#include <optional>
#include <utility>

#include "base/log.hpp"

namespace troupe {

membership_probe::membership_probe(metric_registry& registry)
  : renewals_(prometheus::BuildCounter()
                .Name("troupe_membership_renewals_total")
                .Help("Renewals of this node's row in the control database.")
                .Register(registry)
                .Add({{"result", "done"}})),
    failures_(prometheus::BuildCounter()
                .Name("troupe_membership_renewals_total")
                .Help("Renewals of this node's row in the control database.")
                .Register(registry)
                .Add({{"result", "failed"}})),
    deaths_(prometheus::BuildCounter()
              .Name("troupe_membership_deaths_declared_total")
              .Help("Members that this node declared dead.")
              .Register(registry)
              .Add({})) {}

membership::membership(membership_settings settings, std::shared_ptr<membership_store> store,
                       std::shared_ptr<membership_view> view,
                       std::shared_ptr<membership_probe> probe,
                       std::function<clock::time_point()> now)
  : settings_(std::move(settings)),
    store_(std::move(store)),
    view_(std::move(view)),
    probe_(std::move(probe)),
    now_(std::move(now)),
    watch_(settings_.watch) {}

result<membership_store::renewal> membership::ask() {
  if (!joined_) {
    if (auto joined = store_->join(settings_.self); !joined) return std::unexpected(joined.error());
    joined_ = true;
    log::info(
      "membership", "joined",
      {{"incarnation", to_string(settings_.self.incarnation)}, {"node", settings_.self.node}});
  }
  return store_->renew(settings_.self.incarnation);
}

void membership::renew() {
  if (ended_) return;
  // Before the question: whoever declares us dead has waited our lease from after its answer.
  const auto sent = now_();
  auto answer = ask();
  probe_->renewed(answer.has_value());
  if (!answer) {
    watch_.poll_failed();
    return failed("renew", answer.error());
  }
  const auto received = now_();
  if (!answer->alive) return die();
  if (std::exchange(failing_, false)) log::info("membership", "renews_again");
  view_->lease().extend(sent + settings_.self.lease);

  membership_view::picture next{answer->version, std::move(answer->members), sent};
  if (const auto* own = next.find(settings_.self.incarnation)) stored_ = own->state;
  if (!std::exchange(looked_, true)) end_predecessors(next);
  for (const auto& one : watch_.observe(sent, received, next.members, settings_.self.incarnation))
    suspect(one, next);
  view_->show(std::move(next));
  if (settings_.on_picture) settings_.on_picture(view_->current());
  tell_state();
  show_certificates();
}

void membership::suspect(const death_watch::suspect& who, const membership_view::picture& known) {
  const auto* member = known.find(who.incarnation);
  if (!member) return;
  if (who.certain)
    return declare_dead(*member, who.seen_seq, "no renewal seen by " + settings_.self.node);
  const auto votes = store_->vote(who.incarnation, who.seen_seq, settings_.self.incarnation);
  if (!votes) return failed("vote", votes.error());
  if (*votes >= 2)
    declare_dead(*member, who.seen_seq,
                 "no renewal seen by " + std::to_string(*votes) + " members");
}

void membership::declare_dead(const member_record& who, std::int64_t seen_seq,
                              const std::string& why) {
  const auto declared = store_->declare_dead(who.incarnation, seen_seq, why);
  if (!declared) return failed("declare_dead", declared.error());
  if (!*declared) return; // it lives, or somebody else was first
  probe_->declared_dead();
  log::warn("membership", "declared_dead",
            {{"incarnation", to_string(who.incarnation)},
             {"node", who.node},
             {"renew_seq", seen_seq},
             {"why", why}});
  if (settings_.on_declared) settings_.on_declared();
}

membership::clock::time_point membership::next_after(clock::time_point began) const {
  const auto next = began + settings_.renew_interval;
  const auto due = watch_.due();
  return due ? std::min(next, *due) : next;
}

void membership::end_predecessors(const membership_view::picture& known) {
  if (!settings_.has_ended) return;
  for (const auto& member : known.members)
    if (member.incarnation != settings_.self.incarnation && member.node == settings_.self.node &&
        settings_.has_ended(member))
      declare_dead(member, member.renew_seq, "its process has ended");
}

void membership::show_certificates() {
  if (!settings_.new_certificates) return;
  auto changed = settings_.new_certificates();
  if (!changed) return;
  if (auto shown = store_->show_certificates(settings_.self.incarnation, *changed); !shown)
    failed("show_certificates", shown.error());
}

void membership::change_state(member_state to, std::string_view why) {
  if (ended_) return;
  wanted_ = to;
  wanted_why_ = why;
  if (joined_) tell_state();
  if (to != member_state::left) return;
  ended_ = true;
  view_->lease().end();
}

void membership::tell_state() {
  if (stored_ == wanted_) return;
  const auto changed = store_->change_state(settings_.self.incarnation, wanted_, wanted_why_);
  if (!changed) return failed("change_state", changed.error());
  stored_ = wanted_; // or it has ended, which the next renewal tells
  log::info("membership", "state", {{"state", to_string(wanted_)}, {"why", wanted_why_}});
}

void membership::failed(std::string_view step, const failure& why) {
  if (std::exchange(failing_, true)) return;
  log::warn("membership", "cannot_renew",
            {{"step", step}, {"why", to_string(why.code)}, {"detail", why.detail}});
}

void membership::die() {
  ended_ = true;
  view_->lease().end();
  log::error("membership", "declared_dead_by_others",
             {{"incarnation", to_string(settings_.self.incarnation)},
              {"consequence", "this process ends; a new one may join"}});
  if (settings_.on_death) settings_.on_death();
}

// -- the actor ----------------------------------------------------------------------------------------

namespace {

struct membership_state {
  static inline const char* name = "membership";
  std::optional<membership> part;
};

using membership_pointer = membership_actor::stateful_pointer<membership_state>;

void renew_and_go_on(membership_pointer self) {
  auto& part = *self->state.part;
  if (part.ended()) return;
  const auto began = membership::clock::now();
  part.renew();
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(part.next_after(began) -
                                                                 membership::clock::now());
  self->delayed_send(self, std::max(std::chrono::milliseconds{1}, left), caf::tick_atom_v);
}

membership_actor::behavior_type membership_behavior(membership_pointer self,
                                                    membership_settings settings,
                                                    std::shared_ptr<membership_store> store,
                                                    std::shared_ptr<membership_view> view,
                                                    std::shared_ptr<membership_probe> probe) {
  self->state.part.emplace(std::move(settings), std::move(store), std::move(view),
                           std::move(probe));
  self->send(self, caf::tick_atom_v);
  return {
    [self](const change_member_state& change) {
      self->state.part->change_state(change.to, change.why);
      return member_state_changed{};
    },
    [self](look_now) {
      if (!self->state.part->ended()) self->state.part->renew();
    },
    [self](caf::tick_atom) { renew_and_go_on(self); },
  };
}

} // namespace

membership_actor spawn_membership(caf::actor_system& system, membership_settings settings,
                                  std::shared_ptr<membership_store> store,
                                  std::shared_ptr<membership_view> view,
                                  std::shared_ptr<membership_probe> probe) {
  return system.spawn<caf::detached>(membership_behavior, std::move(settings), std::move(store),
                                     std::move(view), std::move(probe));
}

} // namespace troupe
