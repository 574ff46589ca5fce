#include <unordered_map>
#include <utility>

#include "persistence/caf_errors.hpp"
#include "persistence/postgres/actors.hpp"

namespace troupe::postgres {

namespace {

struct reading_state {
  static inline const char* name = "reader";

  struct origin {
    std::uint64_t ticket = 0;
    shard_client client;
  };

  std::optional<running_actors::presence> presence; // first: leaves when all else is gone
  surroundings around;
  std::shared_ptr<reader_probe> probe;
  std::shared_ptr<credits> credit;
  std::optional<batch_reader> reader;
  std::unordered_map<std::uint64_t, origin> loads;
  bool flushing = false;
  bool ticking = false;
  bool closing = false;
};

using reading_pointer = reading_actor::stateful_pointer<reading_state>;

void flush_soon(reading_pointer self) {
  if (std::exchange(self->state.flushing, true)) return;
  self->send(self, caf::flush_atom_v);
}

void step(reading_pointer self) {
  auto& state = self->state;
  state.probe->queue(state.credit->taken());
  auto done = state.reader->advance();
  state.around.health->set(state.reader->connected());
  std::unordered_map<caf::actor_id, std::pair<shard_client, load_receipts>> by_client;
  for (auto& receipt : done.loads) {
    auto entry = state.loads.extract(receipt.ticket);
    if (entry.empty() || !entry.mapped().client) continue;
    receipt.ticket = entry.mapped().ticket;
    auto& [client, receipts] = by_client[entry.mapped().client.id()];
    client = std::move(entry.mapped().client);
    receipts.items.push_back(std::move(receipt));
  }
  for (auto& [id, entry] : by_client) self->send(entry.first, std::move(entry.second));

  if (state.closing && (state.reader->idle() || !state.reader->connected())) {
    state.around.health->set(false);
    self->quit();
    return;
  }
  if (!done.again_in) return;
  if (done.again_in->count() == 0)
    flush_soon(self);
  else if (!std::exchange(state.ticking, true))
    self->delayed_send(self, *done.again_in, caf::tick_atom_v);
}

reading_actor::behavior_type reading(reading_pointer self, batch_reader::settings settings,
                                     std::shared_ptr<reader_probe> probe,
                                     std::shared_ptr<credits> credit, surroundings around) {
  auto& state = self->state;
  state.presence.emplace(around.running);
  state.probe = std::move(probe);
  state.credit = std::move(credit);
  state.reader.emplace(std::move(settings), *around.dog, *state.probe);
  state.around = std::move(around);
  flush_soon(self); // connects
  return {
    [self](load_request& request) {
      auto& s = self->state;
      const auto number = s.reader->load(request.shard, std::move(request.key));
      s.loads.emplace(number, reading_state::origin{request.ticket, std::move(request.reply_to)});
      flush_soon(self);
    },
    [self](const list_registrations& page) -> caf::result<registrations> {
      auto found = self->state.reader->list(page);
      if (!found) return to_caf_error(found.error());
      return std::move(*found);
    },
    [self](const sum_counters& games) -> caf::result<counters> {
      auto found = self->state.reader->sum(games);
      if (!found) return to_caf_error(found.error());
      return std::move(*found);
    },
    [self](caf::flush_atom) {
      self->state.flushing = false;
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

reading_actor spawn_reader(caf::actor_system& system, batch_reader::settings settings,
                           std::shared_ptr<reader_probe> probe, std::shared_ptr<credits> credit,
                           surroundings around) {
  return system.spawn<caf::detached>(reading, std::move(settings), std::move(probe),
                                     std::move(credit), std::move(around));
}

} // namespace troupe::postgres
