#pragma once

#include "persistence/postgres/connection.hpp"

// Every statement that lanes and readers send, by name. The rules of the schema (persistence/postgres/
// schema.cpp) hold here, too: shard_id is named by equality, and upserts use `excluded` only.
//
// Arrays of one statement have the same length and are read in step: one element of each is one row. For
// Citus the texts are changed by persistence/postgres/routed.hpp, which knows the two forms they have.

namespace troupe::postgres::sql {

inline constexpr statement begin{"begin", "begin"};
inline constexpr statement commit{"commit", "commit"};
inline constexpr statement rollback{"rollback", "rollback"};

/// Milliseconds, until the end of the transaction.
inline constexpr statement limit_wait{"limit_wait",
                                      "select set_config('statement_timeout', $1::text, true)"};

// -- fences ---------------------------------------------------------------------------------------

/// As `lock_and_record`, for a batch that is sent in one go together with its rows and its commit. It
/// fails, and so the whole batch: with division by zero when a fence is not live, with a unique violation
/// when an operation is in the ledger already. $11: how many operations there are.
inline constexpr statement record_all{"record_all", R"(
with live as materialized (
  select 1
    from unnest($1::int[], $2::text[], $3::bigint[]) as w (shard_id, family, epoch)
    join troupe.shard_fence f on f.shard_id = w.shard_id and f.family = w.family
   where f.epoch = w.epoch and f.owner = $4::uuid
     for share of f),
fresh as (
  insert into troupe.operation (shard_id, family, op_id, request_hash, result)
  select u.shard_id, u.family, u.op_id, u.request_hash, u.result
    from unnest($5::int[], $6::text[], $7::uuid[], $8::bytea[], $9::bytea[])
         as u (shard_id, family, op_id, request_hash, result)
   where (select count(*) from live) = $10::bigint
  returning 1)
select 1 / ((select count(*) from fresh) = $11::bigint)::int)"};

/// Locks the fences of a batch for the rest of the transaction and, when all of them are live, writes
/// the ledger. FOR SHARE makes a new owner's change of the fence wait for this transaction; a weaker
/// lock, or none, would let a deposed owner write.
/// $1 shard ids, $2 families, $3 epochs; $4 owner; $5 shard ids, $6 families, $7 operation ids, $8
/// request hashes, $9 results; $10 how many fences must be live.
/// Gives the places (from 1) of the live fences, and the operation ids that were not in the ledger.
inline constexpr statement lock_and_record{"lock_and_record", R"(
with live as materialized (
  select w.place
    from unnest($1::int[], $2::text[], $3::bigint[])
         with ordinality as w (shard_id, family, epoch, place)
    join troupe.shard_fence f on f.shard_id = w.shard_id and f.family = w.family
   where f.epoch = w.epoch and f.owner = $4::uuid
     for share of f),
fresh as (
  insert into troupe.operation (shard_id, family, op_id, request_hash, result)
  select u.shard_id, u.family, u.op_id, u.request_hash, u.result
    from unnest($5::int[], $6::text[], $7::uuid[], $8::bytea[], $9::bytea[])
         as u (shard_id, family, op_id, request_hash, result)
   where (select count(*) from live) = $10::bigint
  on conflict (shard_id, family, op_id) do nothing
  returning op_id)
select (select array_agg(place::int) from live), (select array_agg(op_id) from fresh))"};

/// Ledger rows, when the fences are known to be live. Gives the operation ids that were not in the ledger.
inline constexpr statement record{"record", R"(
insert into troupe.operation (shard_id, family, op_id, request_hash, result)
select * from unnest($1::int[], $2::text[], $3::uuid[], $4::bytea[], $5::bytea[])
on conflict (shard_id, family, op_id) do nothing
returning op_id)"};

// On Citus one statement cannot lock fences and write the ledger; both go to the same worker one after
// the other. The arguments are those of `record_all` and `lock_and_record`, fences first.

/// Fails with division by zero when a fence is not live. $5: how many must be.
inline constexpr statement guard_fences{"guard_fences", R"(
select 1 / ((select count(*) from (
  select 1
    from unnest($1::int[], $2::text[], $3::bigint[]) as w (shard_id, family, epoch)
    join troupe.shard_fence f on f.shard_id = w.shard_id and f.family = w.family
   where f.epoch = w.epoch and f.owner = $4::uuid
     for share of f) live) = $5::bigint)::int)"};

/// Gives the places (from 1) of the live fences.
inline constexpr statement lock_fences{"lock_fences", R"(
select w.place::int
  from unnest($1::int[], $2::text[], $3::bigint[])
       with ordinality as w (shard_id, family, epoch, place)
  join troupe.shard_fence f on f.shard_id = w.shard_id and f.family = w.family
 where f.epoch = w.epoch and f.owner = $4::uuid
   for share of f)"};

/// Fails with a unique violation when an operation is in the ledger already.
inline constexpr statement record_new{"record_new", R"(
insert into troupe.operation (shard_id, family, op_id, request_hash, result)
select * from unnest($1::int[], $2::text[], $3::uuid[], $4::bytea[], $5::bytea[]))"};

inline constexpr statement read_fences{"read_fences", R"(
select f.shard_id, f.family, f.epoch, f.owner
  from unnest($1::int[], $2::text[]) as w (shard_id, family)
  join troupe.shard_fence f on f.shard_id = w.shard_id and f.family = w.family)"};

/// Compare-and-set: $3 the epochs and $4 the owners that were read; $5 the new owner.
inline constexpr statement take_fences{"take_fences", R"(
update troupe.shard_fence f
   set epoch = f.epoch + 1, owner = $5::uuid, changed_at = now()
  from unnest($1::int[], $2::text[], $3::bigint[], $4::uuid[])
       as w (shard_id, family, epoch, owner)
 where f.shard_id = w.shard_id and f.family = w.family
   and f.epoch = w.epoch and f.owner is not distinct from w.owner
returning f.shard_id, f.family, f.epoch)"};

/// The next epoch for an owner that is in doubt about a commit: waits for the transaction in flight.
/// A later epoch of the same owner is this lane's own bump whose answer was lost.
inline constexpr statement bump_fences{"bump_fences", R"(
update troupe.shard_fence f
   set epoch = f.epoch + 1, changed_at = now()
  from unnest($1::int[], $2::text[], $3::bigint[]) as w (shard_id, family, epoch)
 where f.shard_id = w.shard_id and f.family = w.family
   and f.epoch >= w.epoch and f.owner = $4::uuid
returning f.shard_id, f.family, f.epoch)"};

inline constexpr statement release_fences{"release_fences", R"(
update troupe.shard_fence f
   set owner = null, changed_at = now()
  from unnest($1::int[], $2::text[], $3::bigint[]) as w (shard_id, family, epoch)
 where f.shard_id = w.shard_id and f.family = w.family
   and f.epoch = w.epoch and f.owner = $4::uuid)"};

/// Ends the connections of incarnations that are no longer owners ($1).
inline constexpr statement end_owners{"end_owners", R"(
select pg_terminate_backend(pid) from pg_stat_activity
 where application_name = any($1::text[]) and datname = current_database()
   and pid <> pg_backend_pid())"};

/// Ends server processes ($1) of this incarnation ($2) whose connection was lost.
inline constexpr statement end_backends{"end_backends", R"(
select pg_terminate_backend(pid) from pg_stat_activity
 where pid = any($1::int[]) and application_name = $2::text and datname = current_database()
   and pid <> pg_backend_pid())"};

// -- ledger ---------------------------------------------------------------------------------------

inline constexpr statement read_operations{"read_operations", R"(
select o.shard_id, o.family, o.op_id, o.request_hash, o.result
  from unnest($1::int[], $2::text[], $3::uuid[]) as w (shard_id, family, op_id)
  join troupe.operation o
    on o.shard_id = w.shard_id and o.family = w.family and o.op_id = w.op_id)"};

/// Deletes up to $2 rows older than $1 seconds. Several nodes may sweep: none waits for another.
inline constexpr statement sweep_operations{"sweep_operations", R"(
with old as materialized (
  select shard_id, family, op_id from troupe.operation
   where at < now() - make_interval(secs => $1::bigint)
   limit $2::int for update skip locked)
delete from troupe.operation o using old
 where o.shard_id = old.shard_id and o.family = old.family and o.op_id = old.op_id)"};

/// The same for rows over all workers of a Citus: it knows no limit there.
inline constexpr statement sweep_all_operations{"sweep_all_operations", R"(
delete from troupe.operation where at < now() - make_interval(secs => $1::bigint))"};

// -- rows: deletes go before puts -----------------------------------------------------------------

inline constexpr statement delete_libraries{"delete_libraries", R"(
delete from troupe.player_game g
 using unnest($1::int[], $2::uuid[]) as w (shard_id, player_id)
 where g.shard_id = w.shard_id and g.player_id = w.player_id)"};

inline constexpr statement delete_library_entries{"delete_library_entries", R"(
delete from troupe.player_game g
 using unnest($1::int[], $2::uuid[], $3::uuid[]) as w (shard_id, player_id, game_id)
 where g.shard_id = w.shard_id and g.player_id = w.player_id and g.game_id = w.game_id)"};

inline constexpr statement delete_account_sessions{"delete_account_sessions", R"(
delete from troupe.session s
 using unnest($1::int[], $2::text[], $3::uuid[]) as w (shard_id, family, account_id)
 where s.shard_id = w.shard_id and s.family = w.family and s.account_id = w.account_id)"};

inline constexpr statement delete_sessions{"delete_sessions", R"(
delete from troupe.session s
 using unnest($1::int[], $2::text[], $3::uuid[], $4::uuid[])
       as w (shard_id, family, account_id, session_id)
 where s.shard_id = w.shard_id and s.family = w.family and s.account_id = w.account_id
   and s.session_id = w.session_id)"};

inline constexpr statement delete_names{"delete_names", R"(
delete from troupe.directory_name n
 using unnest($1::int[], $2::text[]) as w (shard_id, name_key)
 where n.shard_id = w.shard_id and n.name_key = w.name_key)"};

inline constexpr statement delete_jobs{"delete_jobs", R"(
delete from troupe.job j
 using unnest($1::int[], $2::text[], $3::uuid[]) as w (shard_id, family, job_id)
 where j.shard_id = w.shard_id and j.family = w.family and j.job_id = w.job_id)"};

inline constexpr statement put_players{"put_players", R"(
insert into troupe.player
       (shard_id, player_id, name, password_hash, created_at, version, deleted)
select * from unnest($1::int[], $2::uuid[], $3::text[], $4::text[], $5::timestamptz[], $6::bigint[],
                     $7::boolean[])
on conflict (shard_id, player_id) do update
   set name = excluded.name, password_hash = excluded.password_hash, version = excluded.version,
       deleted = excluded.deleted)"};

inline constexpr statement put_library_entries{"put_library_entries", R"(
insert into troupe.player_game (shard_id, player_id, game_id, registered_at)
select * from unnest($1::int[], $2::uuid[], $3::uuid[], $4::timestamptz[])
on conflict (shard_id, player_id, game_id) do update
   set registered_at = excluded.registered_at)"};

inline constexpr statement add_to_counters{"add_to_counters", R"(
insert into troupe.game_counter as c (shard_id, game_id, players)
select * from unnest($1::int[], $2::uuid[], $3::bigint[])
on conflict (shard_id, game_id) do update set players = c.players + excluded.players)"};

inline constexpr statement put_sessions{"put_sessions", R"(
insert into troupe.session
       (shard_id, family, account_id, session_id, token_hash, previous_hash, created_at, expires_at)
select * from unnest($1::int[], $2::text[], $3::uuid[], $4::uuid[], $5::bytea[], $6::bytea[],
                     $7::timestamptz[], $8::timestamptz[])
on conflict (shard_id, family, account_id, session_id) do update
   set token_hash = excluded.token_hash, previous_hash = excluded.previous_hash,
       expires_at = excluded.expires_at)"};

inline constexpr statement put_names{"put_names", R"(
insert into troupe.directory_name (shard_id, name_key, state, account_kind, account_id, op_id)
select * from unnest($1::int[], $2::text[], $3::smallint[], $4::smallint[], $5::uuid[], $6::uuid[])
on conflict (shard_id, name_key) do update
   set state = excluded.state, account_kind = excluded.account_kind,
       account_id = excluded.account_id, op_id = excluded.op_id)"};

inline constexpr statement put_studios{"put_studios", R"(
insert into troupe.studio (shard_id, studio_id, name, created_at)
select * from unnest($1::int[], $2::uuid[], $3::text[], $4::timestamptz[])
on conflict (shard_id, studio_id) do update set name = excluded.name)"};

inline constexpr statement put_games{"put_games", R"(
insert into troupe.game (shard_id, game_id, studio_id, name, created_at)
select * from unnest($1::int[], $2::uuid[], $3::uuid[], $4::text[], $5::timestamptz[])
on conflict (shard_id, game_id) do update set name = excluded.name)"};

inline constexpr statement put_staff{"put_staff", R"(
insert into troupe.staff (shard_id, staff_id, username, password_hash, role, studio_id, created_at)
select * from unnest($1::int[], $2::uuid[], $3::text[], $4::text[], $5::smallint[], $6::uuid[],
                     $7::timestamptz[])
on conflict (shard_id, staff_id) do update
   set username = excluded.username, password_hash = excluded.password_hash, role = excluded.role,
       studio_id = excluded.studio_id)"};

inline constexpr statement put_jobs{"put_jobs", R"(
insert into troupe.job (shard_id, family, job_id, kind, payload)
select * from unnest($1::int[], $2::text[], $3::uuid[], $4::text[], $5::bytea[])
on conflict (shard_id, family, job_id) do update
   set kind = excluded.kind, payload = excluded.payload)"};

inline constexpr statement delete_answers{"delete_answers", R"(
delete from troupe.provider_answer a
 using unnest($1::int[], $2::uuid[]) as w (shard_id, provider_id)
 where a.shard_id = w.shard_id and a.provider_id = w.provider_id)"};

inline constexpr statement put_providers{"put_providers", R"(
insert into troupe.provider
       (shard_id, provider_id, name, url, format, interval_s, time_zone, paused, deleted, created_at,
        version, seq)
select * from unnest($1::int[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::int[], $7::text[],
                     $8::boolean[], $9::boolean[], $10::timestamptz[], $11::bigint[], $12::bigint[])
on conflict (shard_id, provider_id) do update
   set name = excluded.name, url = excluded.url, format = excluded.format,
       interval_s = excluded.interval_s, time_zone = excluded.time_zone, paused = excluded.paused,
       deleted = excluded.deleted, version = excluded.version, seq = excluded.seq)"};

inline constexpr statement put_provider_progress{"put_provider_progress", R"(
insert into troupe.provider_progress (shard_id, provider_id, state, rejects)
select * from unnest($1::int[], $2::uuid[], $3::bytea[], $4::bytea[])
on conflict (shard_id, provider_id) do update
   set state = excluded.state, rejects = excluded.rejects)"};

inline constexpr statement put_events{"put_events", R"(
insert into troupe.event
       (shard_id, provider_id, base_id, event_id, id, title, organizer_id, starts_at, ends_at,
        sell_from, sell_to, sold_out, online, ever_online, in_feed, min_price, max_price,
        min_available_price, max_available_price, zone_count, zones_digest, content_digest,
        first_seen_at, changed_at, version, seq)
select * from unnest($1::int[], $2::uuid[], $3::text[], $4::text[], $5::uuid[], $6::text[],
                     $7::text[], $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[],
                     $12::boolean[], $13::boolean[], $14::boolean[], $15::boolean[],
                     $16::bigint[], $17::bigint[], $18::bigint[], $19::bigint[], $20::int[],
                     $21::bytea[], $22::bytea[], $23::timestamptz[], $24::timestamptz[],
                     $25::bigint[], $26::bigint[])
on conflict (shard_id, provider_id, base_id, event_id) do update
   set title = excluded.title, organizer_id = excluded.organizer_id,
       starts_at = excluded.starts_at, ends_at = excluded.ends_at,
       sell_from = excluded.sell_from, sell_to = excluded.sell_to, sold_out = excluded.sold_out,
       online = excluded.online, ever_online = excluded.ever_online, in_feed = excluded.in_feed,
       min_price = excluded.min_price, max_price = excluded.max_price,
       min_available_price = excluded.min_available_price,
       max_available_price = excluded.max_available_price, zone_count = excluded.zone_count,
       zones_digest = excluded.zones_digest, content_digest = excluded.content_digest,
       changed_at = excluded.changed_at, version = excluded.version, seq = excluded.seq)"};

inline constexpr statement put_event_zones{"put_event_zones", R"(
insert into troupe.event_zones (shard_id, id, zones)
select * from unnest($1::int[], $2::uuid[], $3::bytea[])
on conflict (shard_id, id) do update set zones = excluded.zones)"};

inline constexpr statement put_event_changes{"put_event_changes", R"(
insert into troupe.event_change (shard_id, id, version, at, changed, state)
select * from unnest($1::int[], $2::uuid[], $3::bigint[], $4::timestamptz[], $5::text[], $6::bytea[])
on conflict (shard_id, id, version) do update
   set at = excluded.at, changed = excluded.changed, state = excluded.state)"};

inline constexpr statement put_answer_pieces{"put_answer_pieces", R"(
insert into troupe.provider_answer (shard_id, provider_id, place, bytes)
select * from unnest($1::int[], $2::uuid[], $3::int[], $4::bytea[])
on conflict (shard_id, provider_id, place) do update set bytes = excluded.bytes)"};

// -- loads ----------------------------------------------------------------------------------------

inline constexpr statement load_players{"load_players", R"(
select p.shard_id, p.player_id, p.name, p.password_hash, p.created_at, p.version, p.deleted
  from unnest($1::int[], $2::uuid[]) as w (shard_id, player_id)
  join troupe.player p on p.shard_id = w.shard_id and p.player_id = w.player_id)"};

/// Ascending by game within a player.
inline constexpr statement load_libraries{"load_libraries", R"(
select g.shard_id, g.player_id, g.game_id, g.registered_at
  from unnest($1::int[], $2::uuid[]) as w (shard_id, player_id)
  join troupe.player_game g on g.shard_id = w.shard_id and g.player_id = w.player_id
 order by g.shard_id, g.player_id, g.game_id)"};

/// Ascending by session within an account.
inline constexpr statement load_sessions{"load_sessions", R"(
select s.shard_id, s.account_id, s.session_id, s.token_hash, s.previous_hash, s.created_at,
       s.expires_at
  from unnest($1::int[], $2::text[], $3::uuid[]) as w (shard_id, family, account_id)
  join troupe.session s
    on s.shard_id = w.shard_id and s.family = w.family and s.account_id = w.account_id
 order by s.shard_id, s.account_id, s.session_id)"};

inline constexpr statement load_names{"load_names", R"(
select n.shard_id, n.name_key, n.state, n.account_kind, n.account_id, n.op_id
  from unnest($1::int[], $2::text[]) as w (shard_id, name_key)
  join troupe.directory_name n on n.shard_id = w.shard_id and n.name_key = w.name_key)"};

inline constexpr statement load_jobs{"load_jobs", R"(
select j.shard_id, j.family, j.job_id, j.kind, j.payload
  from unnest($1::int[], $2::text[]) as w (shard_id, family)
  join troupe.job j on j.shard_id = w.shard_id and j.family = w.family
 order by j.shard_id, j.family, j.job_id)"};

inline constexpr statement load_studios{"load_studios", R"(
select studio_id, name, created_at from troupe.studio where shard_id = $1::int order by studio_id)"};

/// The last of a catalogue's statements: whoever moves the shard away deletes the rows with the fence, so
/// with a fence the rows before it were complete.
inline constexpr statement find_fence{"find_fence", R"(
select 1 from troupe.shard_fence where shard_id = $1::int and family = $2::text)"};

inline constexpr statement load_games{"load_games", R"(
select game_id, studio_id, name, created_at
  from troupe.game where shard_id = $1::int order by game_id)"};

inline constexpr statement load_staff{"load_staff", R"(
select staff_id, username, password_hash, role, studio_id, created_at
  from troupe.staff where shard_id = $1::int order by staff_id)"};

inline constexpr statement load_staff_sessions{"load_staff_sessions", R"(
select account_id, session_id, token_hash, previous_hash, created_at, expires_at
  from troupe.session where shard_id = $1::int and family = $2::text
 order by account_id, session_id)"};

/// $2: only what is after it; 0 for all.
inline constexpr statement load_providers{"load_providers", R"(
select provider_id, name, url, format, interval_s, time_zone, paused, deleted, created_at, version, seq
  from troupe.provider where shard_id = $1::int and seq > $2::bigint order by seq)"};

inline constexpr statement load_progress{"load_progress", R"(
select provider_id, state, rejects from troupe.provider_progress where shard_id = $1::int)"};

/// $2 as above; $3 rows.
inline constexpr statement load_events{"load_events", R"(
select provider_id, base_id, event_id, id, title, organizer_id, starts_at, ends_at, sell_from, sell_to,
       sold_out, online, ever_online, in_feed, min_price, max_price, min_available_price,
       max_available_price, zone_count, zones_digest, content_digest, first_seen_at, changed_at,
       version, seq
  from troupe.event where shard_id = $1::int and seq > $2::bigint order by seq limit $3::int)"};

/// $2 the event, $3 versions below, $4 rows.
inline constexpr statement load_event_changes{"load_event_changes", R"(
select version, at, changed, state from troupe.event_change
 where shard_id = $1::int and id = $2::uuid and version < $3::bigint
 order by version desc limit $4::int)"};

/// The piece, and whether one more follows.
inline constexpr statement load_answer_piece{"load_answer_piece", R"(
select place, case when place = $3::int then bytes end from troupe.provider_answer
 where shard_id = $1::int and provider_id = $2::uuid and place between $3::int and $3::int + 1
 order by place)"};

// -- reads over all shards: no lock, no shard ---------------------------------------------------------

/// $1 games; $2, $3 the last (game, player) seen; $4 rows.
inline constexpr statement list_registrations{"list_registrations", R"(
select g.game_id, g.player_id, p.name
  from troupe.player_game g
  join troupe.player p on p.shard_id = g.shard_id and p.player_id = g.player_id
 where g.game_id = any($1::uuid[]) and (g.game_id, g.player_id) > ($2::uuid, $3::uuid)
 order by g.game_id, g.player_id
 limit $4::int)"};

inline constexpr statement sum_counters{"sum_counters", R"(
select game_id, sum(players)::bigint
  from troupe.game_counter where game_id = any($1::uuid[])
 group by game_id having sum(players) <> 0)"};

} // namespace troupe::postgres::sql
