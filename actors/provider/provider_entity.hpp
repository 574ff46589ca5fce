#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "actors/api/provider.hpp"
#include "actors/provider/feed/event_rules.hpp"
#include "actors/provider/messages.hpp"
#include "actors/shard/shard_command.hpp"

namespace troupe {

/// What a feed calls an event.
struct event_key {
  std::string base_id;
  std::string id;

  bool operator==(const event_key&) const = default;
};
struct event_key_hash {
  std::size_t operator()(const event_key& key) const noexcept {
    const std::hash<std::string> of;
    return of(key.base_id) * 31 + of(key.id);
  }
};

struct known_event {
  uuid id;
  event_summary summary;
};

struct known_provider {
  provider_record record;
  fetch_progress progress;
  std::string rejects; ///< msgpack of `provider_rejects`; empty: none
  std::unordered_map<event_key, known_event, event_key_hash> events;
};

/// All providers of one shard with the latest known values of their events; and what commands on them
/// decide. Their commands run one after the other, so that `seq` grows in the order of commits.
struct providers_entity {
  std::map<uuid, known_provider> providers;
  std::int64_t last_seq = 0;

  explicit providers_entity(providers_image loaded);

  /// Nullptr for one that is deleted, too.
  const known_provider* find(const uuid& id) const;
  known_provider* find(const uuid& id);

  /// It always stays in memory: a provider that is away would not be fetched.
  std::size_t bytes() const noexcept { return 0; }
};

inline constexpr std::size_t max_providers_per_shard = 1'000;
inline constexpr std::size_t max_events_per_provider = 200'000;

template <class Answer>
using providers_effect = effect<Answer, providers_entity>;

/// What is shown of a provider, with the circuit as its failures have it.
provider_seen view_of(const known_provider& provider);

event_record record_of(const uuid& provider_id, const event_key& key, const known_event& event,
                       std::int64_t seq);

result<providers_effect<provider_seen>> decide(const providers_entity* all,
                                               const create_provider& request);
result<providers_effect<provider_seen>> decide(const providers_entity* all,
                                               const change_provider& request);
result<providers_effect<provider_deleted>> decide(const providers_entity* all,
                                                  const delete_provider& request);

/// Events of an answer: what differs from what is known is written.
result<providers_effect<events_stored>> decide(const providers_entity* all,
                                               const store_events& request, timestamp now);

/// Events that are known and that a whole answer no longer had.
result<providers_effect<events_stored>> decide_left(const providers_entity* all, const uuid& id,
                                                    std::span<const event_key> gone, timestamp now);

/// A piece of the answer is kept.
result<providers_effect<events_stored>> decide(const providers_entity* all,
                                               const keep_answer& request);

/// The fetch has ended, however.
result<providers_effect<provider_seen>> decide(const providers_entity* all,
                                               const end_fetch& request, timestamp now);

} // namespace troupe
