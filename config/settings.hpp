#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "config/units.hpp"

// What a node can be told. The members' values here are the defaults; names, help, bounds and the rest
// stand in config/table.cpp, one row per member. Read once at start and then passed by reference: the
// code never changes them.

namespace troupe {

/// The public API's listener.
struct http_settings {
  std::string address = "127.0.0.1";
  std::uint16_t port = 8000;              ///< 0: a free one, told in the log and the ready file
  std::uint32_t threads = 0;              ///< 0: half as many as cores
  std::uint32_t max_connections = 10'000; ///< beyond it new ones are answered 503 and closed
  std::uint32_t max_connections_per_address = 0; ///< 0: no bound of its own
  std::chrono::milliseconds header_timeout{10'000};
  std::chrono::milliseconds body_timeout{15'000};
  std::chrono::milliseconds idle_timeout{75'000};
  std::chrono::milliseconds write_timeout{15'000};
  std::chrono::milliseconds request_timeout{5'000}; ///< the deadline of a request, over all hops
  byte_size max_body = kibibytes(256);
  byte_size max_header = kibibytes(16);
  std::string tls_certificate_file; ///< with tls_key_file: HTTPS
  std::string tls_key_file;
  std::vector<std::string> cors_origins; ///< "*" allows every origin
  std::chrono::milliseconds drain_timeout{20'000};
};

/// The operations port: health, metrics, draining. Not for the public.
struct operations_settings {
  std::string address = "127.0.0.1";
  std::uint16_t port = 8001; ///< 0: a free one
};

struct auth_settings {
  secret signing_key;          ///< of access tokens, at least 32 bytes
  secret previous_signing_key; ///< still accepted, for a change of keys without logging anybody out
  std::string issuer = "troupe";
  std::chrono::milliseconds access_token_lifetime{std::chrono::minutes{15}};
  std::chrono::milliseconds refresh_token_lifetime{std::chrono::days{30}};
  std::uint32_t max_sessions = 20; ///< of one account; the oldest ones end beyond it
  std::uint32_t password_workers = 1;
  std::uint32_t password_queue = 64; ///< passwords waiting for a worker; beyond it 503
  std::uint32_t password_ops_limit = 2;
  byte_size password_memory = mebibytes(64);
  std::uint32_t lockout_attempts = 10;          ///< of one account; 0: none is locked out
  std::uint32_t lockout_address_attempts = 100; ///< from one address; 0: none is locked out
  std::chrono::milliseconds lockout_window{std::chrono::minutes{15}};
  std::chrono::milliseconds lockout_time{
    std::chrono::minutes{1}}; ///< of a first one; then it doubles
  std::chrono::milliseconds lockout_longest{std::chrono::hours{1}}; ///< up to this
};

/// Token buckets; a rate of 0 turns one off.
struct limits_settings {
  std::uint32_t principal_rate = 100; ///< requests a second
  std::uint32_t principal_burst = 200;
  std::uint32_t address_rate = 500; ///< requests a second
  std::uint32_t address_burst = 1'000;
};

struct redis_settings {
  secret url; ///< empty: no Redis; each node then counts for itself
  std::chrono::milliseconds timeout{100};
};

/// One `[[database]]`. The first is the control database. Those of the file come in its order, then those
/// of the environment by name, then those of flags.
struct configured_database {
  std::string name;
  secret dsn;            ///< libpq URI or keywords
  secret replica_dsn;    ///< empty: reads go to `dsn` too
  bool on_citus = false; ///< `placement = "citus"`: the dsn is that of a coordinator of Citus
};

/// How each of the databases is used.
struct postgres_settings {
  std::uint32_t lanes = 0;   ///< writer connections to each database; 0: half as many as cores
  std::uint32_t readers = 2; ///< reader connections to each database
  std::chrono::milliseconds connect_timeout{5'000};
  std::chrono::milliseconds statement_timeout{2'000};
  std::uint32_t batch_units = 512;              ///< write units committed together at most
  std::chrono::milliseconds commit_interval{2}; ///< between two commits of a busy lane
  std::uint32_t lane_credits = 4'096;           ///< write units under way to one lane at most
};

struct actors_settings {
  std::uint32_t threads = 0; ///< of the scheduler; 0: half as many as cores
  std::uint32_t max_throughput = 100;
  byte_size hot_memory = mebibytes(256); ///< of players kept in memory by this node
  std::uint32_t shard_queue = 1'000;     ///< requests under way to one shard at most
};

/// This node among the others.
struct cluster_settings {
  std::string node; ///< its name; empty: the machine's host name
  std::chrono::milliseconds renew_interval{500};
  std::chrono::milliseconds lease{2'000};
  std::uint32_t death_polls = 5; ///< without a renewal of a member, until it may be declared dead
  std::chrono::milliseconds death_margin{500}; ///< besides its lease
  std::vector<std::string> roles;      ///< empty: all; else "gateway" and the families it hosts
  std::uint32_t weight = 100;          ///< its share of shards, against the other nodes' weights
  std::uint32_t moves_per_second = 64; ///< shards this node asks of nodes that go on serving
  std::chrono::milliseconds ramp_up{10'000}; ///< until a node that joined moves at that rate
  std::chrono::milliseconds drain_delay{1'000};
  std::chrono::milliseconds drain_timeout{15'000};
};

/// The connections between nodes.
struct links_settings {
  std::string mode = "off";
  std::string address = "127.0.0.1";
  std::uint16_t port = 0; ///< 0: a free one, which the others learn from the control database
  std::uint16_t advertise_port = 0; ///< the port that others dial; 0: `port`
  std::string advertise; ///< the host that others dial; empty: `address`, or the host's name
  std::string certificate_file;
  std::string key_file;
  std::string authority_file;
  std::chrono::milliseconds dial_timeout{3'000};
  std::chrono::milliseconds ping_interval{1'000};
  std::chrono::milliseconds ping_timeout{3'000};
  byte_size max_frame = mebibytes(16);
  byte_size max_queue = mebibytes(64);
  std::uint32_t max_requests = 8'192; ///< under way to one other node
};

/// Used by `troupe migrate up` on empty databases only: the counts are fixed when a cluster is born.
struct shards_settings {
  std::uint32_t directory = 64;
  std::uint32_t player = 256;
  std::uint32_t provider = 16;
};

/// Fetching feeds of events, and what their search shows.
struct providers_settings {
  bool allow_private = false; ///< URLs with addresses that are not public
  std::uint32_t fetches = 4;  ///< at once on one node
  std::chrono::milliseconds connect_timeout{5'000};
  std::chrono::milliseconds idle_timeout{10'000};
  std::chrono::milliseconds total_timeout{60'000};
  byte_size max_answer = mebibytes(256);
  std::string ca_file;                   ///< empty: the system's authorities
  std::string prices = "all";            ///< of which zones: all, or available ones
  std::chrono::milliseconds poll{2'000}; ///< how often a gateway looks for news nobody told it
};

struct log_settings {
  std::string level = "info";
  std::string format = "auto";
};

struct settings {
  http_settings http;
  operations_settings operations;
  auth_settings auth;
  limits_settings limits;
  redis_settings redis;
  postgres_settings postgres;
  actors_settings actors;
  cluster_settings cluster;
  links_settings links;
  shards_settings shards;
  providers_settings providers;
  log_settings log;
  std::vector<configured_database> databases;
};

} // namespace troupe
