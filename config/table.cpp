#include "config/table.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <variant>

#include "base/text.hpp"

namespace troupe {

namespace {

template <class... F>
struct overloaded : F... {
  using F::operator()...;
};

constexpr std::uint64_t second = 1'000; // in milliseconds
constexpr std::uint64_t minute = 60 * second;
constexpr std::uint64_t hour = 60 * minute;
constexpr std::uint64_t day = 24 * hour;
constexpr std::uint64_t kib = 1'024;
constexpr std::uint64_t mib = 1'024 * kib;
constexpr std::uint64_t gib = 1'024 * mib;

constexpr std::array<std::string_view, 5> levels{"trace", "debug", "info", "warn", "error"};
constexpr std::array<std::string_view, 5> url_schemes{"postgresql", "postgres", "redis", "rediss",
                                                      "unix"};
constexpr std::array<std::string_view, 3> formats{"auto", "json", "text"};
constexpr std::array<std::string_view, 2> price_zones{"all", "available"};
constexpr std::array<std::string_view, 3> link_modes{"off", "tls", "plain"};

#define TROUPE_IN(member) [](settings& s) -> setting_slot { return &s.member; }

const std::array table{
  // -- http ---------------------------------------------------------------------------------------
  setting{"http.address",
          TROUPE_IN(http.address),
          "IP address the public API listens on; 0.0.0.0 or :: for all.",
          {1, 64}},
  setting{"http.port",
          TROUPE_IN(http.port),
          "TCP port of the public API; 0 takes a free one and logs it.",
          {0, 65'535}},
  setting{"http.threads",
          TROUPE_IN(http.threads),
          "Threads that serve connections; 0 for half as many as cores.",
          {0, 256}},
  setting{"http.max_connections",
          TROUPE_IN(http.max_connections),
          "Open connections of the public API; beyond it new ones are answered 503 and closed.",
          {1, 1'000'000}},
  setting{"http.max_connections_per_address",
          TROUPE_IN(http.max_connections_per_address),
          "Of them from one address; 0 for no bound of its own, as behind a load balancer.",
          {0, 1'000'000}},
  setting{"http.header_timeout",
          TROUPE_IN(http.header_timeout),
          "How long a client may take to send a request's header.",
          {100, 5 * minute}},
  setting{"http.body_timeout",
          TROUPE_IN(http.body_timeout),
          "How long a client may take to send a request's body.",
          {100, 10 * minute}},
  setting{"http.idle_timeout",
          TROUPE_IN(http.idle_timeout),
          "How long a connection may stay open without a request.",
          {100, 1 * hour}},
  setting{"http.write_timeout",
          TROUPE_IN(http.write_timeout),
          "How long a client may take to receive an answer.",
          {100, 10 * minute}},
  setting{"http.request_timeout",
          TROUPE_IN(http.request_timeout),
          "The deadline of a request, counted from its last byte; work past it is dropped.",
          {10, 5 * minute}},
  setting{"http.max_body", TROUPE_IN(http.max_body), "Largest request body.", {kib, 64 * mib}},
  setting{"http.max_header",
          TROUPE_IN(http.max_header),
          "Largest request line and header fields together.",
          {kib, mib}},
  setting{"http.tls_certificate_file",
          TROUPE_IN(http.tls_certificate_file),
          "PEM file of the certificate and its chain; with http.tls_key_file the API speaks HTTPS.",
          {0, 4'096}},
  setting{"http.tls_key_file",
          TROUPE_IN(http.tls_key_file),
          "PEM file of the certificate's private key.",
          {0, 4'096}},
  setting{"http.cors_origins", TROUPE_IN(http.cors_origins),
          "Origins whose pages may call the API from a browser; \"*\" for all."},
  setting{"http.drain_timeout",
          TROUPE_IN(http.drain_timeout),
          "How long requests under way may take to finish after SIGTERM.",
          {0, 10 * minute}},
  // -- operations -----------------------------------------------------------------------------------
  setting{
    "operations.address",
    TROUPE_IN(operations.address),
    "IP address of the operations port (health, metrics, draining). It has no authentication: "
    "keep it from the public.",
    {1, 64}},
  setting{"operations.port",
          TROUPE_IN(operations.port),
          "TCP port for operations; 0 takes a free one and logs it.",
          {0, 65'535}},
  // -- auth -----------------------------------------------------------------------------------------
  setting{"auth.signing_key",
          TROUPE_IN(auth.signing_key),
          "Key that signs access tokens, at least 32 bytes; the same on all nodes. `troupe serve` "
          "needs it.",
          {32, 4'096}},
  setting{"auth.previous_signing_key",
          TROUPE_IN(auth.previous_signing_key),
          "The signing key before the present one; its tokens stay valid until they expire.",
          {32, 4'096}},
  setting{"auth.issuer", TROUPE_IN(auth.issuer), "The `iss` of access tokens.", {1, 256}},
  setting{"auth.access_token_lifetime",
          TROUPE_IN(auth.access_token_lifetime),
          "How long an access token is valid.",
          {second, 1 * day}},
  setting{"auth.refresh_token_lifetime",
          TROUPE_IN(auth.refresh_token_lifetime),
          "How long a refresh token is valid; each use starts it anew.",
          {second, 366 * day}},
  setting{"auth.max_sessions",
          TROUPE_IN(auth.max_sessions),
          "Log-ins of one account at a time; beyond it the oldest ends.",
          {1, 1'000}},
  setting{"auth.password_workers",
          TROUPE_IN(auth.password_workers),
          "Threads that hash passwords; each needs auth.password_memory while it works.",
          {1, 64}},
  setting{"auth.password_queue",
          TROUPE_IN(auth.password_queue),
          "Passwords that may wait for a worker; beyond it requests are answered 503.",
          {1, 100'000}},
  setting{"auth.password_ops_limit",
          TROUPE_IN(auth.password_ops_limit),
          "Argon2id passes over the memory, for new hashes.",
          {1, 16}},
  setting{"auth.password_memory",
          TROUPE_IN(auth.password_memory),
          "Argon2id memory of one hash, for new hashes.",
          {8 * kib, 1 * gib}},
  setting{"auth.lockout_attempts",
          TROUPE_IN(auth.lockout_attempts),
          "Failed log-ins of one account within auth.lockout_window that lock it out; 0 for never.",
          {0, 10'000}},
  setting{
    "auth.lockout_address_attempts",
    TROUPE_IN(auth.lockout_address_attempts),
    "Failed log-ins from one address within auth.lockout_window that lock it out; 0 for never.",
    {0, 1'000'000}},
  setting{"auth.lockout_window",
          TROUPE_IN(auth.lockout_window),
          "How long failed log-ins are counted together.",
          {second, 1 * day}},
  setting{"auth.lockout_time",
          TROUPE_IN(auth.lockout_time),
          "How long a first lock-out lasts; each further one within a day lasts twice as long.",
          {second, 1 * day}},
  setting{"auth.lockout_longest",
          TROUPE_IN(auth.lockout_longest),
          "How long a lock-out lasts at most.",
          {second, 1 * day}},
  // -- limits -----------------------------------------------------------------------------------------
  setting{"limits.principal_rate",
          TROUPE_IN(limits.principal_rate),
          "Requests a second of one account; 0 for no limit.",
          {0, 1'000'000}},
  setting{"limits.principal_burst",
          TROUPE_IN(limits.principal_burst),
          "Requests of one account at once after a pause.",
          {1, 10'000'000}},
  setting{"limits.address_rate",
          TROUPE_IN(limits.address_rate),
          "Requests a second of one client address; 0 for no limit.",
          {0, 1'000'000}},
  setting{"limits.address_burst",
          TROUPE_IN(limits.address_burst),
          "Requests of one client address at once after a pause.",
          {1, 10'000'000}},
  // -- redis ------------------------------------------------------------------------------------------
  setting{"redis.url",
          TROUPE_IN(redis.url),
          "redis://[:password@]host[:port][/database] or unix:///path; empty for none. Nodes then "
          "count rate limits and lock-outs each for itself.",
          {0, 4'096}},
  setting{"redis.timeout",
          TROUPE_IN(redis.timeout),
          "How long to wait for Redis before going on without it.",
          {1, 10 * second}},
  // -- postgres -----------------------------------------------------------------------------------------
  setting{"postgres.lanes",
          TROUPE_IN(postgres.lanes),
          "Writer connections to each database; 0 for half as many as cores. Fewer share a commit "
          "among more requests.",
          {0, 64}},
  setting{"postgres.readers",
          TROUPE_IN(postgres.readers),
          "Reader connections to each database.",
          {1, 64}},
  setting{"postgres.connect_timeout",
          TROUPE_IN(postgres.connect_timeout),
          "How long a connection may take to open.",
          {second, 1 * minute}},
  setting{"postgres.statement_timeout",
          TROUPE_IN(postgres.statement_timeout),
          "How long a statement may run in the database.",
          {10, 5 * minute}},
  setting{"postgres.batch_units",
          TROUPE_IN(postgres.batch_units),
          "Write units committed in one transaction at most.",
          {1, 10'000}},
  setting{"postgres.commit_interval",
          TROUPE_IN(postgres.commit_interval),
          "Least time between the starts of two commits of a busy writer connection, so that more "
          "requests share a commit and the database works less; 0 for none. A request that comes "
          "alone never waits.",
          {0, second}},
  setting{"postgres.lane_credits",
          TROUPE_IN(postgres.lane_credits),
          "Write units under way to one lane; beyond it requests are answered 503.",
          {1, 1'000'000}},
  // -- actors -------------------------------------------------------------------------------------------
  setting{"actors.threads",
          TROUPE_IN(actors.threads),
          "Threads of the actor scheduler; 0 for half as many as cores.",
          {0, 256}},
  setting{"actors.max_throughput",
          TROUPE_IN(actors.max_throughput),
          "Messages an actor handles before another one has its turn.",
          {1, 10'000}},
  setting{"actors.hot_memory",
          TROUPE_IN(actors.hot_memory),
          "Memory for the players a node keeps at hand; the least recently used leave first.",
          {1 * mib, 1'024 * gib}},
  setting{"actors.shard_queue",
          TROUPE_IN(actors.shard_queue),
          "Requests under way to one shard; beyond it they are answered 503.",
          {1, 1'000'000}},
  // -- cluster --------------------------------------------------------------------------------------------
  setting{
    "cluster.node",
    TROUPE_IN(cluster.node),
    "This node's name among the others; empty for the machine's host name. A node that starts "
    "again keeps it.",
    {0, 128}},
  setting{"cluster.renew_interval",
          TROUPE_IN(cluster.renew_interval),
          "How often this node tells the control database that it lives.",
          {10, minute}},
  setting{"cluster.lease",
          TROUPE_IN(cluster.lease),
          "How long after a renewal this node answers from memory, and how long the others let it "
          "be; at least twice cluster.renew_interval.",
          {100, 10 * minute}},
  setting{"cluster.death_polls",
          TROUPE_IN(cluster.death_polls),
          "Looks in a row that must show no renewal of a member before it is declared dead.",
          {2, 1'000}},
  setting{"cluster.death_margin",
          TROUPE_IN(cluster.death_margin),
          "How much longer than its lease a member must not have renewed to be declared dead.",
          {0, 10 * minute}},
  setting{"cluster.roles",
          TROUPE_IN(cluster.roles),
          "What this node does: gateway, and the families of shards it hosts (directory, player, "
          "catalog, provider); empty for everything.",
          {0, 16}},
  setting{"cluster.weight",
          TROUPE_IN(cluster.weight),
          "This node's share of the shards, against the weights of the others.",
          {1, 10'000}},
  setting{"cluster.moves_per_second",
          TROUPE_IN(cluster.moves_per_second),
          "Shards that this node takes over from nodes that go on serving, in a second at most.",
          {1, 10'000}},
  setting{"cluster.ramp_up",
          TROUPE_IN(cluster.ramp_up),
          "How long a node that joined takes until it moves shards at that rate.",
          {0, 10 * minute}},
  setting{"cluster.drain_delay",
          TROUPE_IN(cluster.drain_delay),
          "How long a node that shall end goes on taking requests after its readiness has turned, "
          "so that load balancers see it.",
          {0, 5 * minute}},
  setting{"cluster.drain_timeout",
          TROUPE_IN(cluster.drain_timeout),
          "How long a node that shall end waits for the others to take over its shards.",
          {0, 10 * minute}},
  // -- links --------------------------------------------------------------------------------------------
  setting{
    "links.mode",
    TROUPE_IN(links.mode),
    "Connections to the other nodes: tls, plain (between loopback addresses only) or off, for "
    "a node that is alone.",
    {},
    link_modes},
  setting{"links.address",
          TROUPE_IN(links.address),
          "IP address on which the other nodes reach this one; 0.0.0.0 or :: for all.",
          {1, 64}},
  setting{"links.port",
          TROUPE_IN(links.port),
          "TCP port for the other nodes; 0 takes a free one, which they learn by themselves.",
          {0, 65'535}},
  setting{"links.advertise",
          TROUPE_IN(links.advertise),
          "Host name or IP address that the other nodes dial; empty for links.address, or for the "
          "machine's host name when that is all addresses.",
          {0, 255}},
  setting{"links.advertise_port",
          TROUPE_IN(links.advertise_port),
          "TCP port that the other nodes dial, when something stands in between; 0 for links.port.",
          {0, 65'535}},
  setting{
    "links.certificate_file", TROUPE_IN(links.certificate_file),
    "PEM file with this node's certificate; `troupe certs node` makes one. Read again when it "
    "changes."},
  setting{"links.key_file", TROUPE_IN(links.key_file), "PEM file with its private key."},
  setting{"links.authority_file", TROUPE_IN(links.authority_file),
          "PEM file with the certificate of whoever certifies all nodes."},
  setting{"links.dial_timeout",
          TROUPE_IN(links.dial_timeout),
          "How long connecting to another node may take, and its handshake.",
          {10, minute}},
  setting{"links.ping_interval",
          TROUPE_IN(links.ping_interval),
          "How often a node says on a link that it lives.",
          {10, minute}},
  setting{"links.ping_timeout",
          TROUPE_IN(links.ping_timeout),
          "How long a link may be silent until it is closed; at least twice links.ping_interval.",
          {20, 10 * minute}},
  setting{"links.max_frame",
          TROUPE_IN(links.max_frame),
          "Largest message between nodes; what is larger closes the link.",
          {64 * kib, 256 * mib}},
  setting{"links.max_queue",
          TROUPE_IN(links.max_queue),
          "Bytes that may wait for one other node; beyond it requests to it are answered 503. At "
          "least twice links.max_frame.",
          {128 * kib, 4 * gib}},
  setting{"links.max_requests",
          TROUPE_IN(links.max_requests),
          "Requests under way to one other node; beyond it they are answered 503.",
          {1, 1'000'000}},
  // -- shards ---------------------------------------------------------------------------------------------
  setting{
    "shards.directory",
    TROUPE_IN(shards.directory),
    "Shards of the directory of names. Used when a cluster is born, by `troupe migrate up` on "
    "empty databases; fixed from then on.",
    {1, 65'536}},
  setting{"shards.player",
          TROUPE_IN(shards.player),
          "Shards of the players. Used when a cluster is born; fixed from then on.",
          {1, 65'536}},
  setting{"shards.provider",
          TROUPE_IN(shards.provider),
          "Shards of the providers of events. Used when a cluster is born; fixed from then on.",
          {1, 65'536}},
  // -- providers ------------------------------------------------------------------------------------------
  setting{
    "providers.allow_private", TROUPE_IN(providers.allow_private),
    "Whether providers may have loopback, private and other addresses that are not public. For "
    "development: who may add a provider can then reach what this node can."},
  setting{"providers.fetches",
          TROUPE_IN(providers.fetches),
          "Fetches that run side by side on one node, each with a thread of its own.",
          {1, 64}},
  setting{"providers.connect_timeout",
          TROUPE_IN(providers.connect_timeout),
          "For a connection to a provider, name and TLS included.",
          {100, minute}},
  setting{"providers.idle_timeout",
          TROUPE_IN(providers.idle_timeout),
          "How long a provider may send nothing.",
          {100, 10 * minute}},
  setting{"providers.total_timeout",
          TROUPE_IN(providers.total_timeout),
          "How long a fetch may take, storing included.",
          {1'000, 60 * minute}},
  setting{"providers.max_answer",
          TROUPE_IN(providers.max_answer),
          "Largest answer of a provider, decoded; of a larger one nothing after the bound is read.",
          {kib, 4 * gib}},
  setting{"providers.ca_file", TROUPE_IN(providers.ca_file),
          "PEM file with the authorities that providers' certificates are checked by; empty: the "
          "system's."},
  setting{"providers.prices",
          TROUPE_IN(providers.prices),
          "Which zones the prices in the search are of: all of them, or those with places left.",
          {},
          price_zones},
  setting{"providers.poll",
          TROUPE_IN(providers.poll),
          "How often a gateway looks for changed events that nobody told it of.",
          {100, minute}},
  // -- log --------------------------------------------------------------------------------------------------
  setting{
    "log.level",
    TROUPE_IN(log.level),
    "Lines below this level are not logged; PUT /log-level on the operations port changes it.",
    {},
    levels,
    takes_effect::at_once},
  setting{"log.format",
          TROUPE_IN(log.format),
          "JSON lines or text; auto is text on a terminal.",
          {},
          formats},
};

#undef TROUPE_IN

/// TOML and JSON write all of our values alike.
std::string to_literal(const setting_slot& slot) {
  return std::visit(overloaded{
                      [](const bool* v) { return std::string{*v ? "true" : "false"}; },
                      [](const std::uint16_t* v) { return std::to_string(*v); },
                      [](const std::uint32_t* v) { return std::to_string(*v); },
                      [](const std::chrono::milliseconds* v) { return in_quotes(to_string(*v)); },
                      [](const byte_size* v) { return in_quotes(to_string(*v)); },
                      [](const std::string* v) { return in_quotes(*v); },
                      [](const secret* v) { return in_quotes(masked(*v)); },
                      [](const std::vector<std::string>* v) {
                        std::string out = "[";
                        for (const auto& item : *v) {
                          if (out.size() > 1) out += ", ";
                          out += in_quotes(item);
                        }
                        return out + ']';
                      },
                    },
                    slot);
}

} // namespace

bool setting::is_secret() const {
  settings none;
  return std::holds_alternative<secret*>(in(none));
}

std::span<const setting> all_settings() noexcept { return table; }

const setting* find_setting(std::string_view name) noexcept {
  auto found = std::ranges::find(table, name, &setting::name);
  return found == table.end() ? nullptr : &*found;
}

std::string to_toml(const setting& s, const settings& values) {
  // The slot is only read: the table would need each member twice to say so in its types.
  return to_literal(s.in(const_cast<settings&>(values)));
}

std::string to_json(const setting& s, const settings& values) { return to_toml(s, values); }

std::string masked(const secret& value) {
  constexpr std::string_view mask = "********";
  std::string_view text = value.value;
  if (text.empty()) return {};
  auto scheme = text.find("://");
  bool is_url = scheme != text.npos && std::ranges::contains(url_schemes, text.substr(0, scheme));
  // A password may also stand in a query.
  if (!is_url || text.find("password") != text.npos) return std::string{mask};
  auto rest = text.substr(scheme + 3);
  auto authority = rest.substr(0, rest.find_first_of("/?#"));
  // libpq takes everything up to the last @ for user and password
  auto at = rest.rfind('@');
  if (at == rest.npos) return std::string{text};
  if (at >= authority.size()) return std::string{mask};
  auto colon = authority.find(':');
  auto user = colon < at ? authority.substr(0, colon) : std::string_view{};
  std::string out{text.substr(0, scheme + 3)};
  if (colon >= at) return out + std::string{rest}; // a user without a password
  out += user;
  out += ':';
  out += mask;
  out += rest.substr(at);
  return out;
}

std::string_view type_name(const setting& s) {
  settings none;
  return std::visit(overloaded{
                      [](const bool*) { return "true or false"; },
                      [](const std::uint16_t*) { return "integer"; },
                      [](const std::uint32_t*) { return "integer"; },
                      [](const std::chrono::milliseconds*) { return "duration"; },
                      [](const byte_size*) { return "size"; },
                      [](const std::string*) { return "text"; },
                      [](const secret*) { return "secret"; },
                      [](const std::vector<std::string>*) { return "list of text"; },
                    },
                    s.in(none));
}

std::string bounds_text(const setting& s) {
  if (!s.allowed.empty()) {
    std::string out;
    for (auto word : s.allowed) {
      if (!out.empty()) out += ", ";
      out += word;
    }
    return out;
  }
  settings none;
  auto range = [&](auto format) { return format(s.bounds.least) + " to " + format(s.bounds.most); };
  auto slot = s.in(none);
  if (std::holds_alternative<std::uint16_t*>(slot) || std::holds_alternative<std::uint32_t*>(slot))
    return range([](std::uint64_t v) { return std::to_string(v); });
  if (std::holds_alternative<std::chrono::milliseconds*>(slot))
    return range([](std::uint64_t v) { return to_string(std::chrono::milliseconds{v}); });
  if (std::holds_alternative<byte_size*>(slot))
    return range([](std::uint64_t v) { return to_string(byte_size{v}); });
  if (std::holds_alternative<secret*>(slot) && s.bounds.least > 0)
    return "at least " + std::to_string(s.bounds.least) + " bytes";
  return {};
}

std::string environment_name(std::string_view name) {
  std::string out = "TROUPE_";
  for (char c : name)
    out += c == '.' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return out;
}

} // namespace troupe
