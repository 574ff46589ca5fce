#include "actors/provider/event_replica.hpp"

#include <algorithm>
#include <caf/all.hpp>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "actors/provider/searchable.hpp"
#include "base/stable_hash.hpp"

namespace troupe {

namespace {

using namespace std::chrono_literals;

constexpr std::int32_t events_at_once = 2'000;
/// While a fetch stores batch after batch, an index is made so often at most.
constexpr auto publish_interval = 100ms;
constexpr auto retry = 200ms;

struct replica_state {
  static inline const char* name = "event-replica";

  struct followed_shard {
    std::int64_t seen = 0; ///< everything up to it is known
    bool complete = false; ///< was read to its end once
    bool dirty = true;     ///< may have more
    std::optional<shard_storage> loading;
  };

  const database_set* databases = nullptr;
  event_view* view = nullptr;
  event_replica_settings settings;
  std::vector<followed_shard> shards;
  std::unordered_map<uuid, provider_record> providers;
  std::unordered_map<uuid, event_record> events;
  std::unordered_set<uuid> changed; ///< events since the last index
  std::chrono::steady_clock::time_point published_at{};
  bool waking = false; ///< a flush is under way to this actor
};

using replica_pointer = event_replica_actor::stateful_pointer<replica_state>;

void wake(replica_pointer self, std::chrono::milliseconds after) {
  if (std::exchange(self->state.waking, true)) return;
  self->delayed_send(self, after, caf::flush_atom_v);
}

void take(replica_state& state, replica_state::followed_shard& shard, event_news& news) {
  for (auto& provider : news.providers) {
    // A new name, zone or end changes all of its events.
    for (const auto& [id, event] : state.events)
      if (event.provider_id == provider.id) state.changed.insert(id);
    if (!news.more) shard.seen = std::max(shard.seen, provider.seq);
    state.providers.insert_or_assign(provider.id, std::move(provider));
  }
  for (auto& event : news.events) {
    shard.seen = std::max(shard.seen, event.seq);
    state.changed.insert(event.id);
    const auto id = event.id;
    state.events.insert_or_assign(id, std::move(event));
  }
  shard.dirty = shard.dirty || news.more;
  shard.complete = shard.complete || !news.more;
}

/// The same on every node that has read as much of every shard: clients compare it, whoever answers.
std::uint64_t version_of(const replica_state& state) {
  std::string seen;
  for (const auto& shard : state.shards) seen += std::to_string(shard.seen) + ' ';
  return stable_hash(seen) >> 1;
}

void publish(replica_pointer self) {
  auto& state = self->state;
  if (!std::ranges::all_of(state.shards, &replica_state::followed_shard::complete)) return;
  if (state.view->loaded() && state.changed.empty()) return;
  const auto when = std::chrono::steady_clock::now();
  if (state.view->loaded() && when - state.published_at < publish_interval)
    return wake(self, publish_interval);
  std::vector<searchable_event> shown;
  std::vector<uuid> hidden;
  for (const auto& id : std::exchange(state.changed, {})) {
    const auto& event = state.events.at(id);
    const auto provider = state.providers.find(event.provider_id);
    auto seen = provider == state.providers.end()
                  ? std::nullopt
                  : searchable(event, provider->second, state.settings.only_available_prices);
    if (seen)
      shown.push_back(std::move(*seen));
    else
      hidden.push_back(id);
  }
  const auto before = state.view->current();
  state.view->publish(event_index::with(*before, std::move(shown), hidden, version_of(state)));
  state.published_at = when;
}

void look(replica_pointer self) {
  auto& state = self->state;
  for (std::size_t i = 0; i < state.shards.size(); ++i) {
    auto& shard = state.shards[i];
    if (!shard.dirty || shard.loading) continue;
    const shard_ref ref{family::provider, static_cast<std::int32_t>(i)};
    auto storage = state.databases->at(ref);
    if (!storage.reader_credits->try_take()) {
      wake(self, retry);
      continue;
    }
    shard.dirty = false;
    caf::anon_send(storage.reader, load_request{i, ref, load_event_news{shard.seen, events_at_once},
                                                caf::actor_cast<shard_client>(self)});
    shard.loading = std::move(storage);
  }
}

void look_everywhere(replica_pointer self) {
  for (auto& shard : self->state.shards) shard.dirty = true;
  look(self);
}

void loaded(replica_pointer self, load_receipts& receipts) {
  auto& state = self->state;
  for (auto& receipt : receipts.items) {
    auto& shard = state.shards.at(receipt.ticket);
    if (!shard.loading) continue;
    std::exchange(shard.loading, std::nullopt)->reader_credits->give_back();
    auto* news = std::get_if<event_news>(&receipt.value);
    if (receipt.why.code != errc::none || !news) { // out of reach, or on its way to elsewhere
      shard.dirty = true;
      wake(self, retry);
      continue;
    }
    take(state, shard, *news);
  }
  if (!state.waking) look(self); // else what failed is tried again in a moment
  publish(self);
}

event_replica_actor::behavior_type replica(replica_pointer self, const database_set* databases,
                                           event_view* view, event_replica_settings settings) {
  auto& state = self->state;
  state.databases = databases;
  state.view = view;
  state.settings = settings;
  state.shards.resize(databases->shard_count(family::provider));
  self->send(self, caf::tick_atom_v);
  return {
    [](write_receipts&) {},
    [](const acquire_receipt&) {},
    [](const tenure_lost&) {},
    [self](load_receipts& receipts) { loaded(self, receipts); },
    [self](refresh_events) { look_everywhere(self); },
    [self](caf::tick_atom) {
      look_everywhere(self);
      self->delayed_send(self, self->state.settings.poll, caf::tick_atom_v);
    },
    [self](caf::flush_atom) {
      self->state.waking = false;
      look(self);
      publish(self);
    },
  };
}

} // namespace

event_replica_actor spawn_event_replica(caf::actor_system& system, const database_set& databases,
                                        event_view& view, const event_replica_settings& settings) {
  return system.spawn(replica, &databases, &view, settings);
}

} // namespace troupe
