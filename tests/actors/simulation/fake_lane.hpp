#pragma once

#include <caf/all.hpp>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <utility>
#include <variant>
#include <vector>

#include "tests/actors/simulation/fake_database.hpp"

// The writer lane and the reader of one simulated incarnation. Their actors only take messages in; what
// happens to these, and when, the simulation decides step by step.

namespace troupe::test {

/// The simulation's one source of chance.
class dice {
public:
  explicit dice(std::uint64_t seed) : rng_(seed) {}
  std::size_t below(std::size_t bound) { return static_cast<std::size_t>(rng_() % bound); }
  bool percent(std::size_t chance) { return below(100) < chance; }

private:
  std::mt19937_64 rng_;
};

/// Follows the contract of postgres::batch_writer: one batch at a time, and a commit in doubt is settled
/// by bumping the own epoch and reading the ledger before anybody is told.
class fake_lane {
public:
  using item = std::variant<write_request, acquire_request, release_request>;

  fake_lane(fake_database& database, const uuid& incarnation)
    : database_(database), incarnation_(incarnation) {}

  std::deque<item> inbox;
  std::uint64_t doubts = 0;
  std::uint64_t retaken = 0; ///< acquisitions whose first answer was lost

  bool idle() const { return inbox.empty() && retries_.empty() && stage_ == stage::idle; }

  /// Whether a transaction is on its way to the database.
  bool sent() const { return stage_ == stage::sent; }

  /// The database carries out what is on its way; it does so whatever became of the sender.
  void reach_database() {
    outcome_ = database_.execute(transaction());
    stage_ = stage::executed;
  }

  /// The process is gone; what it has sent may still arrive.
  void crash(dice& chance) {
    if (stage_ == stage::sent && chance.percent(50)) database_.orphans.push_back(transaction());
  }

  void step(dice& chance, bool faults) {
    switch (stage_) {
      case stage::idle: return begin(chance, faults);
      case stage::sent:
        if (faults && chance.percent(20)) {
          if (chance.percent(50)) database_.orphans.push_back(transaction());
          return lose_connection();
        }
        return reach_database();
      case stage::executed:
        if (faults && chance.percent(20)) return lose_connection();
        return finish(std::exchange(outcome_, {}));
      case stage::doubt:
        if (faults && chance.percent(30)) return; // still out of reach
        return settle_doubt(chance, faults);
    }
  }

private:
  enum class stage : std::uint8_t { idle, sent, executed, doubt };
  struct tenure {
    std::int64_t acquired = 0; ///< names the tenure
    std::int64_t current = 0;  ///< is in the fence
  };

  /// Receipts for one step, gathered by receiver.
  class mail {
  public:
    void add(const write_request& to, write_receipt receipt) {
      receipt.ticket = to.ticket;
      auto& entry = receipts_[to.unit->shard];
      entry.first = to.reply_to;
      entry.second.items.push_back(std::move(receipt));
    }
    void send() {
      for (auto& [shard, entry] : receipts_) caf::anon_send(entry.first, std::move(entry.second));
    }

  private:
    std::map<shard_ref, std::pair<shard_client, write_receipts>> receipts_;
  };

  fake_database::transaction transaction() const {
    fake_database::transaction t{incarnation_, {}};
    for (const auto& r : batch_)
      t.statements.push_back({r.unit, tenures_.at(r.unit->shard).current});
    return t;
  }

  bool holds(const write_unit& unit) const {
    auto found = tenures_.find(unit.shard);
    return found != tenures_.end() && found->second.acquired == unit.epoch;
  }

  void begin(dice& chance, bool faults) {
    if (retries_.empty() && inbox.empty()) return;
    if (retries_.empty() && !std::holds_alternative<write_request>(inbox.front()))
      return faults ? change_tenure(chance) : change_tenure();
    mail answers;
    auto take = [&](write_request request) {
      write_receipt refused;
      refused.why.code = errc::storage_unavailable;
      if (!holds(*request.unit))
        answers.add(request, {.status = write_status::fenced});
      else if (faults && chance.percent(8))
        answers.add(request, refused);
      else
        batch_.push_back(std::move(request));
    };
    const auto most = 1 + chance.below(4);
    while (batch_.size() < most && !retries_.empty()) {
      take(std::move(retries_.front()));
      retries_.pop_front();
    }
    while (batch_.size() < most && !inbox.empty() &&
           std::holds_alternative<write_request>(inbox.front())) {
      take(std::move(std::get<write_request>(inbox.front())));
      inbox.pop_front();
    }
    answers.send();
    if (!batch_.empty()) stage_ = stage::sent;
  }

  void change_tenure(dice& chance) {
    const auto luck = chance.below(100);
    if (luck < 15) return; // out of reach; tried again
    if (auto* request = std::get_if<acquire_request>(&inbox.front())) {
      if (luck < 25) { // taken, but the answer is lost: it is asked for again
        database_.acquire(request->shard, request->seen_epoch, incarnation_);
        ++retaken;
        return;
      }
      if (luck < 35) {
        caf::anon_send(request->reply_to,
                       acquire_receipt{request->shard, 0, {errc::shard_unavailable, {}, {}, {}}});
        inbox.pop_front();
        return;
      }
    }
    change_tenure();
  }

  void change_tenure() {
    if (auto* request = std::get_if<acquire_request>(&inbox.front())) {
      acquire_receipt receipt{request->shard, 0, {errc::precondition_failed, {}, {}, {}}};
      if (auto epoch = database_.acquire(request->shard, request->seen_epoch, incarnation_)) {
        tenures_.insert_or_assign(request->shard, tenure{*epoch, *epoch});
        receipt = {request->shard, *epoch, {errc::none, {}, {}, {}}};
      }
      caf::anon_send(request->reply_to, receipt);
    } else {
      const auto& given_up = std::get<release_request>(inbox.front());
      auto found = tenures_.find(given_up.shard);
      if (found != tenures_.end() && found->second.acquired == given_up.epoch) {
        database_.release(given_up.shard, found->second.current, incarnation_);
        tenures_.erase(found);
      }
    }
    inbox.pop_front();
  }

  void lose_connection() {
    ++doubts;
    outcome_.clear();
    stage_ = stage::doubt;
  }

  void finish(std::vector<write_receipt> outcome) {
    mail answers;
    for (std::size_t i = 0; i < batch_.size(); ++i) {
      if (outcome[i].status == write_status::fenced) tenures_.erase(batch_[i].unit->shard);
      answers.add(batch_[i], std::move(outcome[i]));
    }
    batch_.clear();
    stage_ = stage::idle;
    answers.send();
  }

  void settle_doubt(dice& chance, bool faults) {
    std::map<shard_ref, bool> bumped;
    for (const auto& r : batch_) {
      const auto shard = r.unit->shard;
      if (bumped.contains(shard)) continue;
      auto& held = tenures_.at(shard);
      auto epoch = database_.bump(shard, held.current, incarnation_);
      bumped[shard] = epoch.has_value();
      if (epoch) held.current = *epoch;
    }
    mail answers;
    std::map<shard_ref, shard_client> lost;
    std::map<shard_ref, bool> told;
    std::deque<write_request> again;
    for (const auto& r : batch_) {
      const auto& unit = *r.unit;
      if (const auto* found = database_.stored(unit.shard, unit.op_id)) {
        // As the real lane: an equal answer may be an earlier attempt's.
        const bool ours = found->result == unit.result && found->request_hash == unit.request_hash;
        answers.add(r, ours ? write_receipt{.status = write_status::committed, .doubtful = true}
                            : write_receipt{.status = write_status::duplicate, .stored = *found});
        if (!bumped[unit.shard]) lost[unit.shard] = r.reply_to;
      } else if (!bumped[unit.shard]) {
        told[unit.shard] = true;
        answers.add(r, {.status = write_status::fenced});
      } else if (faults && chance.percent(30)) {
        write_receipt refused;
        refused.why.code = errc::storage_unavailable;
        answers.add(r, refused);
      } else {
        again.push_back(r);
      }
    }
    answers.send();
    for (const auto& [shard, kept] : bumped) {
      if (kept) continue;
      if (!told[shard])
        caf::anon_send(lost.at(shard), tenure_lost{shard, tenures_.at(shard).acquired});
      tenures_.erase(shard);
    }
    batch_.clear();
    stage_ = stage::idle;
    retries_.insert(retries_.begin(), again.begin(), again.end());
  }

  fake_database& database_;
  uuid incarnation_;
  std::map<shard_ref, tenure> tenures_;
  stage stage_ = stage::idle;
  std::vector<write_request> batch_;
  std::vector<write_receipt> outcome_; ///< what the database did with the batch
  std::deque<write_request> retries_;  ///< certain not to have committed
};

/// Loads are read at one moment and answered at a later one, in any order.
class fake_reader {
public:
  explicit fake_reader(fake_database& database) : database_(database) {}

  std::vector<load_request> inbox;

  bool idle() const { return inbox.empty() && answers_.empty(); }

  void step(dice& chance, bool faults) {
    if (!answers_.empty() && (inbox.empty() || chance.percent(50))) {
      auto at = answers_.begin() + static_cast<std::ptrdiff_t>(chance.below(answers_.size()));
      load_receipts receipts;
      receipts.items.push_back(std::move(at->second));
      caf::anon_send(at->first, std::move(receipts));
      answers_.erase(at);
    } else if (!inbox.empty()) {
      auto at = inbox.begin() + static_cast<std::ptrdiff_t>(chance.below(inbox.size()));
      load_receipt receipt;
      receipt.ticket = at->ticket;
      if (faults && chance.percent(10))
        receipt.why.code = errc::storage_unavailable;
      else
        receipt.value = database_.tables.value_of(at->shard, at->key);
      answers_.emplace_back(at->reply_to, std::move(receipt));
      inbox.erase(at);
    }
  }

private:
  fake_database& database_;
  std::vector<std::pair<shard_client, load_receipt>> answers_;
};

inline writer_actor::behavior_type lane_inbox(writer_actor::pointer, fake_lane* lane) {
  return {
    [lane](const write_request& m) { lane->inbox.emplace_back(m); },
    [lane](const acquire_request& m) { lane->inbox.emplace_back(m); },
    [lane](const release_request& m) { lane->inbox.emplace_back(m); },
  };
}

inline reader_actor::behavior_type reader_inbox(reader_actor::pointer, fake_reader* reader) {
  return {
    [reader](const load_request& m) { reader->inbox.push_back(m); },
    [](const list_registrations&) { return registrations{}; },
    [](const sum_counters&) { return counters{}; },
  };
}

} // namespace troupe::test
