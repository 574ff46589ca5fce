#include "tests/actors/simulation/cluster.hpp"

#include <caf/all.hpp>
#include <chrono>
#include <utility>

namespace troupe::test {

namespace {

/// Settles names, or fails for now: then the shard tries the job again.
directory_actor::behavior_type fake_directory(directory_actor::pointer, dice* chance) {
  auto settled = [chance]() -> caf::result<name_settled> {
    if (chance->percent(20)) return to_caf_error(failure{errc::shard_unavailable, {}, {}, 1});
    return name_settled{};
  };
  return {
    [](const call&, const reserve_name& m) { return outcome<name_reserved>{{m.account}, false}; },
    [settled](const call&, const confirm_name&) { return settled(); },
    [settled](const call&, const release_name&) { return settled(); },
    [](const call&, const lookup_name&) -> caf::result<account_ref> {
      return to_caf_error(failure{errc::not_found, {}, {}, {}});
    },
    [](const call&, const claim_operation& m) {
      return outcome<operation_claimed>{{m.account}, false};
    },
  };
}

const caf::resumable* job_of(const caf::actor& actor) {
  return dynamic_cast<const caf::resumable*>(caf::actor_cast<caf::abstract_actor*>(actor));
}

} // namespace

simulated_cluster::simulated_cluster(caf::actor_system& system,
                                     caf::scheduler::test_coordinator& scheduler, dice& chance,
                                     std::function<void(const std::string&)> broken)
  : system_(system), scheduler_(scheduler), chance_(chance), broken_(std::move(broken)) {
  database.broken = broken_;
  for (std::size_t i = 0; i < node_count; ++i) {
    nodes.push_back(std::make_unique<simulated_node>(database));
    start(i);
  }
}

simulated_cluster::~simulated_cluster() {
  for (std::size_t i = 0; i < nodes.size(); ++i)
    if (nodes[i]->running) crash(i);
  while (scheduler_.try_run_once()) {}
}

void simulated_cluster::watch(const caf::actor& actor, simulated_node& node) {
  owners_[job_of(actor)] = &node;
  actor->attach_functor([this](const caf::error& why) {
    if (why != caf::exit_reason::kill) broken_("an actor ended: " + caf::to_string(why));
  });
}

void simulated_cluster::start(std::size_t index) {
  if (ended_.contains(nodes[index]->incarnation)) {
    graveyard_.push_back(std::move(nodes[index]));
    nodes[index] = std::make_unique<simulated_node>(database);
  }
  auto& n = *nodes[index];
  n.running = true;
  n.storage = {system_.spawn(lane_inbox, &n.lane), std::make_shared<credits>(1000),
               system_.spawn(reader_inbox, &n.reader), std::make_shared<credits>(1000)};
  n.directory = system_.spawn(fake_directory, &chance_);
  n.table.connect({family::directory, 0}, caf::actor_cast<caf::strong_actor_ptr>(n.directory));
  for (std::int32_t s = 0; s < shard_count; ++s) {
    const shard_ref ref{family::player, s};
    shard_settings settings{ref, n.incarnation, &n.board.at(ref), &*n.lease};
    n.shards.push_back(spawn_player_shard(system_, settings, {&catalog, &n.table, 3}));
    watch(caf::actor_cast<caf::actor>(n.shards.back()), n);
  }
  watch(caf::actor_cast<caf::actor>(n.storage.writer), n);
  watch(caf::actor_cast<caf::actor>(n.storage.reader), n);
  watch(caf::actor_cast<caf::actor>(n.directory), n);
  renew(index);
}

void simulated_cluster::crash(std::size_t index) {
  auto& n = *nodes[index];
  n.running = false;
  n.lane.crash(chance_);
  ended_[n.incarnation] = {index, n.lease_until};
  n.table.clear();
  std::vector<caf::actor> actors{caf::actor_cast<caf::actor>(n.storage.writer),
                                 caf::actor_cast<caf::actor>(n.storage.reader),
                                 caf::actor_cast<caf::actor>(n.directory)};
  for (const auto& shard : n.shards) actors.push_back(caf::actor_cast<caf::actor>(shard));
  for (const auto& actor : actors) caf::anon_send_exit(actor, caf::exit_reason::kill);
  // The exit overtakes what is in the mailboxes, so nothing else is handled here.
  scheduler_.run_jobs_filtered([&](const caf::resumable* job) {
    auto found = owners_.find(job);
    return found != owners_.end() && found->second == &n;
  });
  for (const auto& actor : actors) owners_.erase(job_of(actor));
  n.shards.clear();
  n.storage = {};
  n.directory = nullptr;
}

bool simulated_cluster::run_one() {
  auto& jobs = scheduler_.jobs;
  std::vector<std::size_t> able;
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    auto found = owners_.find(jobs[i]);
    if (found == owners_.end() || !found->second->paused) able.push_back(i);
  }
  if (able.empty()) return false;
  std::swap(jobs.front(), jobs[able[chance_.below(able.size())]]);
  return scheduler_.try_run_once();
}

void simulated_cluster::apply_lease(simulated_node& n) const {
  n.lease.emplace();
  if (n.running && !n.declared_dead && now_ms_ < n.lease_until)
    n.lease->extend(node_lease::clock::time_point::max());
}

void simulated_cluster::renew(std::size_t index) {
  auto& n = *nodes[index];
  if (!n.running || n.paused || n.declared_dead) return;
  n.lease_until = now_ms_ + lease_ms;
  apply_lease(n);
}

void simulated_cluster::advance(std::int64_t milliseconds) {
  now_ms_ += milliseconds;
  for (auto& n : nodes) apply_lease(*n);
  scheduler_.advance_time(std::chrono::milliseconds(milliseconds));
}

void simulated_cluster::declare_dead_who_is() {
  for (auto& n : nodes)
    if (n->running && now_ms_ > n->lease_until + death_margin_ms) {
      n->declared_dead = true;
      apply_lease(*n);
    }
}

bool simulated_cluster::may_be_replaced(const uuid& owner, std::size_t by) const {
  if (auto found = ended_.find(owner); found != ended_.end())
    // A node that starts again on its machine knows that its former process is gone.
    return found->second.index == by || now_ms_ > found->second.lease_until + death_margin_ms;
  for (const auto& n : nodes)
    if (n->incarnation == owner) return n->declared_dead;
  return false;
}

void simulated_cluster::place(std::size_t index, std::int32_t shard) {
  auto& n = *nodes[index];
  if (!n.running || n.paused || !n.lease->valid()) return;
  const auto state = n.state(shard);
  if (state != shard_state::unowned && state != shard_state::released &&
      state != shard_state::fenced)
    return;
  const shard_ref ref{family::player, shard};
  const auto& fence = database.fence_of(ref);
  if (fence.owner && *fence.owner != n.incarnation && !may_be_replaced(*fence.owner, index)) return;
  caf::anon_send(n.shards[static_cast<std::size_t>(shard)], acquire_shard{fence.epoch, n.storage});
}

} // namespace troupe::test
