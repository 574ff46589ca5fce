#include <unordered_map>
#include <utility>

#include "persistence/postgres/actors.hpp"

namespace troupe::postgres {

namespace {

struct lane_state {
  static inline const char* name = "writer_lane";

  struct origin {
    std::uint64_t ticket = 0;
    shard_client client;
  };

  std::optional<running_actors::presence> presence; // first: leaves when all else is gone
  surroundings around;
  std::shared_ptr<writer_probe> probe;
  std::shared_ptr<credits> credit;
  std::optional<batch_writer> writer;
  std::unordered_map<std::uint64_t, origin> units;
  std::unordered_map<std::uint64_t, shard_client> acquisitions;
  std::unordered_map<shard_ref, shard_client> clients; ///< of the shards this lane holds
  bool flushing = false;                               ///< a flush is under way to this actor
  bool ticking = false;                                ///< a tick is
  bool closing = false;
};

using lane_pointer = lane_actor::stateful_pointer<lane_state>;

void flush_soon(lane_pointer self) {
  auto& state = self->state;
  if (std::exchange(state.flushing, true)) return;
  self->send(self, caf::flush_atom_v);
}

void send_receipts(lane_pointer self, std::vector<batch_writer::settled_unit> settled) {
  // Of one shard in the order of their commit; shards in any order.
  std::unordered_map<caf::actor_id, std::pair<shard_client, write_receipts>> by_client;
  for (auto& unit : settled) {
    auto entry = self->state.units.extract(unit.number);
    if (entry.empty() || !entry.mapped().client) continue;
    unit.receipt.ticket = entry.mapped().ticket;
    auto& [client, receipts] = by_client[entry.mapped().client.id()];
    client = std::move(entry.mapped().client);
    receipts.items.push_back(std::move(unit.receipt));
  }
  for (auto& [id, entry] : by_client) self->send(entry.first, std::move(entry.second));
}

void tell_lost(lane_pointer self, const std::vector<batch_writer::lost_tenure>& lost) {
  for (const auto& [shard, epoch] : lost)
    if (const auto found = self->state.clients.find(shard); found != self->state.clients.end())
      self->send(found->second, tenure_lost{shard, epoch});
}

void step(lane_pointer self) {
  auto& state = self->state;
  auto done = state.writer->advance();
  state.around.health->set(state.writer->connected());
  send_receipts(self, std::move(done.units));
  for (auto& settled : done.acquisitions) {
    auto entry = state.acquisitions.extract(settled.number);
    if (entry.empty()) continue;
    state.clients.insert_or_assign(settled.shard, entry.mapped());
    self->send(entry.mapped(),
               acquire_receipt{settled.shard, settled.epoch, std::move(settled.why)});
  }
  tell_lost(self, done.lost);

  // Without a connection, releases have to be left to the next owner, who takes the fences anyway.
  const bool finished = state.writer->idle() ||
                        (!state.writer->connected() && state.writer->waiting() == 0);
  if (state.closing && finished) {
    tell_lost(self, state.writer->abandon());
    state.around.health->set(false);
    self->quit();
    return;
  }
  if (!done.again_in) return;
  if (done.again_in->count() == 0) {
    flush_soon(self);
  } else if (!std::exchange(state.ticking, true)) {
    self->delayed_send(self, *done.again_in, caf::tick_atom_v);
  }
}

lane_actor::behavior_type lane(lane_pointer self, batch_writer::settings settings,
                               std::shared_ptr<writer_probe> probe, std::shared_ptr<credits> credit,
                               surroundings around) {
  auto& state = self->state;
  state.presence.emplace(around.running);
  state.probe = std::move(probe);
  state.credit = std::move(credit);
  state.writer.emplace(std::move(settings), *around.dog, *state.probe);
  state.around = std::move(around);
  flush_soon(self); // connects
  return {
    [self](write_request& request) {
      auto& s = self->state;
      const auto number = s.writer->write(std::move(request.unit));
      s.units.emplace(number, lane_state::origin{request.ticket, std::move(request.reply_to)});
      flush_soon(self);
    },
    [self](acquire_request& request) {
      auto& s = self->state;
      s.acquisitions.emplace(s.writer->acquire(request.shard, request.seen_epoch),
                             std::move(request.reply_to));
      flush_soon(self);
    },
    [self](const release_request& request) {
      self->state.writer->release(request.shard, request.epoch);
      flush_soon(self);
    },
    [self](caf::flush_atom) {
      self->state.flushing = false;
      self->state.probe->mailbox(self->state.credit->taken());
      step(self);
    },
    [self](caf::tick_atom) {
      self->state.ticking = false;
      step(self);
    },
    [self](caf::close_atom) {
      self->state.closing = true;
      flush_soon(self);
    },
  };
}

} // namespace

lane_actor spawn_lane(caf::actor_system& system, batch_writer::settings settings,
                      std::shared_ptr<writer_probe> probe, std::shared_ptr<credits> credit,
                      surroundings around) {
  return system.spawn<caf::detached>(lane, std::move(settings), std::move(probe), std::move(credit),
                                     std::move(around));
}

} // namespace troupe::postgres
