#include "actors/shard/shard_core.hpp"

#include <algorithm>

#include "base/log.hpp"

namespace troupe {

namespace {

constexpr std::size_t max_jobs_running = 16;

failure not_owner() { return {errc::not_owner, {}, {}, {}}; }

} // namespace

shard_core::shard_core(caf::scheduled_actor* self, shard_client me, shard_settings settings,
                       hooks family)
  : self_(self),
    me_(std::move(me)),
    settings_(std::move(settings)),
    family_(std::move(family)),
    life_(settings_.ref, settings_.incarnation, *settings_.board, settings_.on_transition) {}

// -- the tenure -----------------------------------------------------------------------------------

void shard_core::on(const acquire_shard& wanted) {
  const auto state = life_.state();
  if (acquisition_under_way_ || (state != shard_state::unowned && state != shard_state::released &&
                                 state != shard_state::fenced))
    return;
  if (!wanted.storage.writer_credits->try_take()) return; // asked for again
  storage_ = wanted.storage;
  releasing_ = false;
  retries_ = 0;
  acquisition_under_way_ = true;
  life_.start_acquiring("placed here");
  caf::anon_send(storage_.writer, acquire_request{settings_.ref, wanted.seen_epoch, me_});
}

void shard_core::on(const acquire_receipt& receipt) {
  acquisition_under_way_ = false;
  storage_.writer_credits->give_back();
  if (life_.state() != shard_state::acquiring) return;
  if (receipt.why.code != errc::none) {
    life_.not_acquired(to_string(receipt.why.code));
    fail_queue(not_owner());
    return release_when_idle();
  }
  life_.acquired(receipt.epoch);
  if (releasing_) {
    life_.start_draining("release asked for");
    return release_when_idle();
  }
  load_state();
}

void shard_core::load_state() {
  load(load_jobs{}, [this](load_receipt& jobs) {
    auto again = [this] {
      self_->run_delayed(retry_delay(), [this] {
        if (life_.state() == shard_state::loading) load_state();
      });
    };
    if (life_.state() != shard_state::loading) return;
    if (jobs.why.code != errc::none) return again();
    if (auto* found = std::get_if<std::vector<job_record>>(&jobs.value))
      jobs_.assign(std::make_move_iterator(found->begin()), std::make_move_iterator(found->end()));
    family_.load([this, again](bool loaded) {
      if (life_.state() != shard_state::loading) return;
      if (loaded)
        become_active();
      else
        again();
    });
  });
}

void shard_core::become_active() {
  retries_ = 0;
  life_.activate();
  run_jobs();
  auto waiting = std::exchange(queue_, {});
  for (auto& q : waiting) admit(q.c, std::move(q.work), std::move(q.refuse));
}

void shard_core::become_fenced(std::string_view why) {
  if (life_.state() == shard_state::fenced) return;
  life_.fenced(why);
  jobs_.clear();
  auto writes = std::exchange(writes_, {});
  storage_.writer_credits->give_back(static_cast<std::uint32_t>(writes.size()));
  write_receipt fenced;
  fenced.status = write_status::fenced;
  for (auto& [ticket, w] : writes) w.done(fenced);
  // What was asked before says nothing about a later tenure. The tickets stay, as their credits do.
  for (auto& [ticket, done] : loads_)
    if (auto told = std::exchange(done, {})) {
      load_receipt late{ticket, {}, not_owner()};
      told(late);
    }
  family_.drop(not_owner());
  fail_queue(not_owner());
  for (auto& done : std::exchange(release_replies_, {})) done(shard_released{});
}

void shard_core::on(const tenure_lost& lost) {
  if (lost.epoch == life_.epoch()) become_fenced("lost its tenure");
}

void shard_core::on(const release_shard&, reply<shard_released> done) {
  release_replies_.push_back(std::move(done));
  releasing_ = true;
  if (life_.state() == shard_state::active || life_.state() == shard_state::loading)
    life_.start_draining("release asked for");
  fail_queue(not_owner());
  release_when_idle();
}

void shard_core::release_when_idle() {
  if (release_replies_.empty() || acquisition_under_way_ || !writes_.empty() || !loads_.empty())
    return;
  if (life_.state() == shard_state::draining) {
    caf::anon_send(storage_.writer, release_request{settings_.ref, life_.epoch()});
    jobs_.clear();
    family_.drop(not_owner());
    life_.released();
  }
  for (auto& done : std::exchange(release_replies_, {})) done(shard_released{});
}

std::chrono::milliseconds shard_core::retry_delay() {
  retries_ = std::min(retries_ + 1, 6u);
  // Shards differ in their delay, so that they do not all come back in the same moment.
  return std::chrono::milliseconds((50 << retries_) + settings_.ref.shard % 50);
}

failure shard_core::cannot_tell() const {
  const bool owns = active() || life_.state() == shard_state::draining;
  return owns ? failure{errc::shard_unavailable, {}, {}, 1} : not_owner();
}

// -- requests -------------------------------------------------------------------------------------

void shard_core::admit(const call& c, std::move_only_function<void()> work,
                       std::move_only_function<void(const failure&)> refuse) {
  switch (life_.state()) {
    case shard_state::active:
      if (c.expired())
        refuse({errc::timed_out, {}, {}, {}});
      else
        work();
      return;
    case shard_state::acquiring:
    case shard_state::loading:
      if (releasing_) // nobody would serve it: what is acquired now is given up at once
        refuse(not_owner());
      else if (queue_.size() >= settings_.queue)
        refuse({errc::overloaded, {}, {}, 1});
      else
        queue_.push_back({c, std::move(work), std::move(refuse)});
      return;
    case shard_state::unowned:
    case shard_state::draining:
    case shard_state::released:
    case shard_state::fenced: refuse(not_owner()); return;
  }
}

void shard_core::fail_queue(const failure& why) {
  for (auto& q : std::exchange(queue_, {})) q.refuse(why);
}

void shard_core::report(std::size_t hot_bytes, std::size_t waiting) {
  settings_.board->hot_bytes.store(hot_bytes, std::memory_order_relaxed);
  settings_.board->waiting.store(static_cast<std::uint32_t>(waiting + queue_.size()),
                                 std::memory_order_relaxed);
}

// -- storage --------------------------------------------------------------------------------------

void shard_core::write(write_unit unit, write_handler done) {
  if (!storage_.writer_credits->try_take()) {
    write_receipt refused;
    refused.why = {errc::overloaded, {}, {}, 1};
    done(refused);
    return;
  }
  unit.shard = settings_.ref;
  unit.epoch = life_.epoch();
  auto shared = std::make_shared<const write_unit>(std::move(unit));
  auto ticket = next_ticket_++;
  writes_.emplace(ticket, pending_write{shared, std::move(done)});
  caf::anon_send(storage_.writer, write_request{ticket, std::move(shared), me_});
}

void shard_core::on(write_receipts& receipts) {
  for (auto& receipt : receipts.items) {
    auto found = writes_.find(receipt.ticket);
    if (found == writes_.end()) continue; // answered when the tenure ended
    if (receipt.status == write_status::fenced) {
      become_fenced("the fence refused a write");
      return;
    }
    auto pending = std::move(found->second);
    writes_.erase(found);
    storage_.writer_credits->give_back();
    if (receipt.status == write_status::committed)
      for (const auto& row : pending.unit->rows)
        if (auto* put = std::get_if<put_job>(&row)) enqueue_job(put->row);
    pending.done(receipt);
  }
  release_when_idle();
}

void shard_core::load(load_key key, load_handler done) {
  auto ticket = next_ticket_++;
  if (!storage_.reader_credits->try_take()) {
    load_receipt refused{ticket, {}, {errc::overloaded, {}, {}, 1}};
    done(refused);
    return;
  }
  loads_.emplace(ticket, std::move(done));
  caf::anon_send(storage_.reader, load_request{ticket, settings_.ref, std::move(key), me_});
}

void shard_core::on(load_receipts& receipts) {
  for (auto& receipt : receipts.items) {
    auto found = loads_.find(receipt.ticket);
    if (found == loads_.end()) continue;
    auto done = std::move(found->second);
    loads_.erase(found);
    storage_.reader_credits->give_back();
    if (done) done(receipt);
  }
  release_when_idle();
}

// -- jobs -----------------------------------------------------------------------------------------

void shard_core::enqueue_job(job_record job) {
  jobs_.push_back(std::move(job));
  run_jobs();
}

void shard_core::run_jobs() {
  while (active() && jobs_running_ < max_jobs_running && !jobs_.empty()) {
    auto job = std::move(jobs_.front());
    jobs_.pop_front();
    ++jobs_running_;
    family_.run_job(job, [this, job](bool done) { job_ended(job, done); });
  }
}

void shard_core::job_ended(job_record job, bool done) {
  --jobs_running_;
  if (!done) {
    enqueue_job_later(std::move(job));
    run_jobs();
    return;
  }
  if (active()) {
    write_unit unit;
    unit.op_id = make_uuid_v7();
    unit.rows.push_back(delete_job{job.id});
    write(std::move(unit), [this, job](write_receipt& receipt) {
      // Jobs may run twice, so a deletion that failed is simply tried again with its job.
      if (receipt.status == write_status::refused) enqueue_job_later(job);
    });
  }
  run_jobs();
}

void shard_core::enqueue_job_later(job_record job) {
  self_->run_delayed(std::chrono::seconds(1), [this, job = std::move(job), tenure = life_.epoch()] {
    if (active() && life_.epoch() == tenure) enqueue_job(job);
  });
}

} // namespace troupe
