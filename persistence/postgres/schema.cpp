#include "persistence/postgres/schema.hpp"

#include <array>

// The rules that let the same text run on plain Postgres and on Citus: `shard_id` stands first in every
// primary key, no foreign key leaves a shard, ids come from the application, no volatile default but
// now(), tables are created and then distributed. Names are compared bytewise (collation "C").

namespace troupe::postgres {

namespace {

// -- control database -----------------------------------------------------------------------------

constexpr std::array cluster_tables{
  ddl{R"(
create table troupe.family_shards (
  family      text primary key,
  shard_count integer not null check (shard_count > 0)
))"},
  ddl{R"(
create table troupe.shard_home (
  shard_id integer not null,
  family   text not null references troupe.family_shards (family),
  database text not null,
  primary key (shard_id, family)
))"},
};

// -- every database: ownership, ledger, jobs --------------------------------------------------------

constexpr std::array shard_tables{
  // One row per shard that lives here. Every write transaction holds a shared lock on it; only a change
  // of owner or epoch updates it.
  ddl{R"(
create table troupe.shard_fence (
  shard_id   integer not null,
  family     text collate "C" not null,
  epoch      bigint not null default 0,
  owner      uuid,
  changed_at timestamptz not null default now(),
  primary key (shard_id, family)
) with (fillfactor = 50))",
      "shard_fence"},
  ddl{R"(
create table troupe.operation (
  shard_id     integer not null,
  family       text collate "C" not null,
  op_id        uuid not null,
  request_hash bytea not null,
  result       bytea not null,
  at           timestamptz not null default now(),
  primary key (shard_id, family, op_id)
))",
      "operation"},
  // Rows come in order of time, so a few pages of index find the old ones for the sweep.
  ddl{R"(
create index operation_at on troupe.operation using brin (at) with (pages_per_range = 32))"},
  ddl{R"(
create table troupe.job (
  shard_id   integer not null,
  family     text collate "C" not null,
  job_id     uuid not null,
  kind       text not null,
  payload    bytea not null,
  created_at timestamptz not null default now(),
  primary key (shard_id, family, job_id)
))",
      "job"},
  ddl{R"(
create table troupe.session (
  shard_id      integer not null,
  family        text collate "C" not null,
  account_id    uuid not null,
  session_id    uuid not null,
  token_hash    bytea not null,
  previous_hash bytea not null,
  created_at    timestamptz not null,
  expires_at    timestamptz not null,
  primary key (shard_id, family, account_id, session_id)
) with (fillfactor = 80))",
      "session"},
};

// -- player family --------------------------------------------------------------------------------

constexpr std::array player_tables{
  ddl{R"(
create table troupe.player (
  shard_id      integer not null,
  player_id     uuid not null,
  name          text not null,
  password_hash text not null,
  created_at    timestamptz not null,
  version       bigint not null,
  deleted       boolean not null default false,
  primary key (shard_id, player_id)
) with (fillfactor = 90))",
      "player", family::player},
  ddl{R"(
create table troupe.player_game (
  shard_id      integer not null,
  player_id     uuid not null,
  game_id       uuid not null,
  registered_at timestamptz not null,
  primary key (shard_id, player_id, game_id)
))",
      "player_game", family::player},
  // For pages over all shards of who plays a game.
  ddl{R"(
create index player_game_by_game on troupe.player_game (game_id, player_id))"},
  // Half-empty pages: counters change all the time and no index names the count, so updates stay on
  // their page (HOT).
  ddl{R"(
create table troupe.game_counter (
  shard_id integer not null,
  game_id  uuid not null,
  players  bigint not null,
  primary key (shard_id, game_id)
) with (fillfactor = 50))",
      "game_counter", family::player},
  ddl{R"(
create index game_counter_by_game on troupe.game_counter (game_id))"},
};

// -- directory family -----------------------------------------------------------------------------

constexpr std::array directory_tables{
  ddl{R"(
create table troupe.directory_name (
  shard_id     integer not null,
  name_key     text collate "C" not null,
  state        smallint not null,
  account_kind smallint not null,
  account_id   uuid not null,
  op_id        uuid not null,
  primary key (shard_id, name_key)
) with (fillfactor = 90))",
      "directory_name", family::directory},
};

// -- catalog family -------------------------------------------------------------------------------

constexpr std::array catalog_tables{
  ddl{R"(
create table troupe.studio (
  shard_id   integer not null,
  studio_id  uuid not null,
  name       text not null,
  created_at timestamptz not null,
  primary key (shard_id, studio_id)
))",
      "studio", family::catalog},
  ddl{R"(
create table troupe.game (
  shard_id   integer not null,
  game_id    uuid not null,
  studio_id  uuid not null,
  name       text not null,
  created_at timestamptz not null,
  primary key (shard_id, game_id)
))",
      "game", family::catalog},
  ddl{R"(
create table troupe.staff (
  shard_id      integer not null,
  staff_id      uuid not null,
  username      text not null,
  password_hash text not null,
  role          smallint not null,
  studio_id     uuid,
  created_at    timestamptz not null,
  primary key (shard_id, staff_id)
))",
      "staff", family::catalog},
};

// -- control database: members --------------------------------------------------------------------

constexpr std::array member_tables{
  // One row: grows with every change of a member's state, never with a renewal.
  ddl{R"(
create table troupe.membership (
  single  boolean primary key default true check (single),
  version bigint not null default 0,
  cluster uuid not null default gen_random_uuid()
))"},
  ddl{"insert into troupe.membership default values"},
  // Half-empty pages: a renewal changes no indexed column, so it stays on its page (HOT).
  ddl{R"(
create table troupe.member (
  incarnation uuid primary key,
  node        text not null,
  host        text not null,
  build       text not null,
  process     text not null,
  roles       text not null,
  weight      integer not null check (weight > 0),
  link_host   text not null default '',
  link_port   integer not null default 0,
  certificates text not null default '',
  state       text not null check (state in ('joining', 'active', 'draining', 'left', 'dead')),
  renew_seq   bigint not null default 0,
  lease_ms    integer not null,
  voted_seq   bigint not null default 0,
  votes       text not null default '',
  joined_at   timestamptz not null default now(),
  renewed_at  timestamptz not null default now(),
  ended_at    timestamptz,
  why         text not null default '',
  check ((state in ('left', 'dead')) = (ended_at is not null))
) with (fillfactor = 50))"},
  // Shards that an operator wants on the node of that name, as long as it can have them.
  ddl{R"(
create table troupe.shard_pin (
  shard_id integer not null,
  family   text not null references troupe.family_shards (family),
  node     text not null,
  primary key (shard_id, family)
))"},
};

// -- control database: moving data ----------------------------------------------------------------

constexpr std::array move_tables{
  // Databases besides the configured ones, and configured ones (`dsn` empty) that are being emptied. A
  // DSN may hold a password, so this table is as secret as the configuration.
  ddl{R"(
create table troupe.database (
  name        text primary key,
  dsn         text not null,
  replica_dsn text not null default '',
  state       text not null default 'active' check (state in ('active', 'draining')),
  added_at    timestamptz not null default now()
))"},
  // Shards on their way. `epoch`, from the flip on: that of the fence left at the source.
  ddl{R"(
create table troupe.shard_move (
  shard_id integer not null,
  family   text not null references troupe.family_shards (family),
  source   text not null,
  target   text not null,
  mover    uuid not null,
  state    text not null default 'copying' check (state in ('copying', 'flipped')),
  epoch    bigint not null default 0,
  asked_at timestamptz not null default now(),
  primary key (shard_id, family),
  check (source <> target)
))"},
};

// -- provider family ------------------------------------------------------------------------------

constexpr std::array provider_tables{
  ddl{R"(
create table troupe.provider (
  shard_id    integer not null,
  provider_id uuid not null,
  name        text not null,
  url         text not null,
  format      text not null,
  interval_s  integer not null,
  time_zone   text not null,
  paused      boolean not null,
  deleted     boolean not null,
  created_at  timestamptz not null,
  version     bigint not null,
  seq         bigint not null,
  primary key (shard_id, provider_id)
))",
      "provider", family::provider},
  ddl{R"(
create table troupe.provider_progress (
  shard_id    integer not null,
  provider_id uuid not null,
  state       bytea not null,
  rejects     bytea not null,
  primary key (shard_id, provider_id)
))",
      "provider_progress", family::provider},
  // Local times in seconds on the clocks of the provider's zone, prices in units of 1/10000.
  ddl{R"(
create table troupe.event (
  shard_id            integer not null,
  provider_id         uuid not null,
  base_id             text collate "C" not null,
  event_id            text collate "C" not null,
  id                  uuid not null,
  title               text not null,
  organizer_id        text,
  starts_at           bigint not null,
  ends_at             bigint not null,
  sell_from           bigint,
  sell_to             bigint,
  sold_out            boolean not null,
  online              boolean not null,
  ever_online         boolean not null,
  in_feed             boolean not null,
  min_price           bigint,
  max_price           bigint,
  min_available_price bigint,
  max_available_price bigint,
  zone_count          integer not null,
  zones_digest        bytea not null,
  content_digest      bytea not null,
  first_seen_at       timestamptz not null,
  changed_at          timestamptz not null,
  version             bigint not null,
  seq                 bigint not null,
  primary key (shard_id, provider_id, base_id, event_id)
) with (fillfactor = 80))",
      "event", family::provider},
  // What came since: how search indexes follow.
  ddl{R"(
create index event_by_seq on troupe.event (shard_id, seq))"},
  // Large and seldom read, so not in the event's own row.
  ddl{R"(
create table troupe.event_zones (
  shard_id integer not null,
  id       uuid not null,
  zones    bytea not null,
  primary key (shard_id, id)
))",
      "event_zones", family::provider},
  ddl{R"(
create table troupe.event_change (
  shard_id integer not null,
  id       uuid not null,
  version  bigint not null,
  at       timestamptz not null,
  changed  text not null,
  state    bytea not null,
  primary key (shard_id, id, version)
))",
      "event_change", family::provider},
  // The last whole answer of each provider, in pieces.
  ddl{R"(
create table troupe.provider_answer (
  shard_id    integer not null,
  provider_id uuid not null,
  place       integer not null,
  bytes       bytea not null,
  primary key (shard_id, provider_id, place)
))",
      "provider_answer", family::provider},
};

constexpr std::array all{
  migration{1, "cluster", migration_scope::control, cluster_tables},
  migration{2, "shards", migration_scope::data, shard_tables},
  migration{3, "players", migration_scope::data, player_tables},
  migration{4, "directory", migration_scope::data, directory_tables},
  migration{5, "catalog", migration_scope::data, catalog_tables},
  migration{6, "members", migration_scope::control, member_tables},
  migration{7, "moves", migration_scope::control, move_tables},
  migration{8, "providers", migration_scope::data, provider_tables},
};

} // namespace

std::span<const migration> migrations() noexcept { return all; }

} // namespace troupe::postgres
