#pragma once

#include <caf/all.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <variant>
#include <vector>

#include "base/error.hpp"
#include "base/family.hpp"
#include "persistence/records.hpp"
#include "persistence/type_ids.hpp"
#include "persistence/write_unit.hpp"

// The typed ports through which actors reach the databases. All of these messages stay within one
// process. Lanes and readers are detached actors: each owns one connection and one thread.
//
// A shard actor has many requests under way at once, so it does not use CAF's request (a timer and a
// slot in a linear vector each): it numbers its requests with tickets and gets receipts, many at a time.

namespace troupe {

/// Receipts for units of one shard, in commit order.
struct write_receipts {
  std::vector<write_receipt> items;
};

struct acquire_receipt {
  shard_ref shard;
  std::int64_t epoch = 0; ///< the new epoch, when `why` is none
  failure why{errc::none, {}, {}, {}};
};

/// The shard was fenced, or its lane stopped, without a unit under way that could have told.
struct tenure_lost {
  shard_ref shard;
  std::int64_t epoch = 0;
};

// What a shard actor can load. Loads of many shards are answered from few statements.
struct load_player {
  uuid id;
};
struct load_name {
  std::string key;
};
struct load_operation {
  uuid op_id;
};
struct load_jobs {}; ///< all jobs of the shard that are not done
struct load_catalog {};
/// Everything of the shard's providers that lives in memory.
struct load_providers {};
/// Providers and events whose `seq` is greater; at most `limit` events.
struct load_event_news {
  std::int64_t after = 0;
  std::int32_t limit = 0;
};
/// The last changes of one event, newest first.
struct load_event_history {
  uuid event_id;
  std::int64_t before = 0; ///< only versions below
  std::int32_t limit = 0;
};
/// A piece of a provider's last answer.
struct load_answer_piece {
  uuid provider_id;
  std::int32_t place = 0;
};
using load_key =
  std::variant<load_player, load_name, load_operation, load_jobs, load_catalog, load_providers,
               load_event_news, load_event_history, load_answer_piece>;

/// `monostate`: there is no such row.
using load_value = std::variant<std::monostate, player_image, name_record, stored_operation,
                                std::vector<job_record>, catalog_image, providers_image, event_news,
                                std::vector<event_change_record>, kept_piece>;

struct load_receipt {
  std::uint64_t ticket = 0;
  load_value value;
  failure why{errc::none, {}, {}, {}}; ///< not none: the storage could not be read
};
struct load_receipts {
  std::vector<load_receipt> items;
};

/// What a lane or reader answers to. Every shard actor's interface extends it.
using shard_client =
  caf::typed_actor<caf::result<void>(write_receipts), caf::result<void>(acquire_receipt),
                   caf::result<void>(tenure_lost), caf::result<void>(load_receipts)>;

struct write_request {
  std::uint64_t ticket = 0;
  std::shared_ptr<const write_unit> unit;
  shard_client reply_to;
};

/// Asks for a new epoch of a shard in the name of this process's incarnation, if its fence stands at
/// `seen_epoch`, or is this incarnation's own already; else the receipt says `precondition_failed`.
struct acquire_request {
  shard_ref shard;
  std::int64_t seen_epoch = 0;
  shard_client reply_to;
};

/// Gives a shard up: its fence row loses its owner. Units sent before it are committed first.
struct release_request {
  shard_ref shard;
  std::int64_t epoch = 0;
};

struct load_request {
  std::uint64_t ticket = 0;
  shard_ref shard;
  load_key key;
  shard_client reply_to;
};

/// Writer lane: one Postgres connection that commits the units of many shards in one transaction.
/// Runs on every node, a few per database; each shard always uses the same lane.
using writer_actor =
  caf::typed_actor<caf::result<void>(write_request), caf::result<void>(acquire_request),
                   caf::result<void>(release_request)>;

// -- reads over all shards of one database -------------------------------------------------------

/// One page of who plays what, ascending by (game_id, player_id), over the shards of one database.
struct list_registrations {
  std::vector<uuid> game_ids;
  std::optional<std::pair<uuid, uuid>> after; ///< (game_id, player_id) of the last row seen
  std::uint32_t limit = 0;                    ///< rows, 1 to 101
};
struct registration {
  uuid game_id;
  uuid player_id;
  std::string player_name;
};
struct registrations {
  std::vector<registration> items;
};

/// Players per game over the shards of one database; games without players are left out.
struct sum_counters {
  std::vector<uuid> game_ids;
};
struct counter {
  uuid game_id;
  std::int64_t players = 0;
};
struct counters {
  std::vector<counter> items;
};

/// Reader: one Postgres connection for loads and reads over all shards. Runs on every node, a few
/// per database. Failures come back as CAF errors of `errc`.
using reader_actor =
  caf::typed_actor<caf::result<void>(load_request), caf::result<registrations>(list_registrations),
                   caf::result<counters>(sum_counters)>;

} // namespace troupe
