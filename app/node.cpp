#include "app/node.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <thread>

#include "actors/catalog/catalog_shard.hpp"
#include "actors/cluster/link/certificate_watch.hpp"
#include "actors/cluster/process_identity.hpp"
#include "actors/directory/directory_shard.hpp"
#include "actors/guard/guard.hpp"
#include "actors/message_types.hpp"
#include "actors/password/worker.hpp"
#include "actors/player/player_shard.hpp"
#include "actors/player/registrations.hpp"
#include "actors/provider/provider_shard.hpp"
#include "app/databases.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "base/timestamp.hpp"
#include "base/version.hpp"
#include "persistence/redis/actors.hpp"

namespace troupe {

namespace {

using std::chrono::steady_clock;

/// The directory's names are small; players get the rest of the memory for hot state.
constexpr std::size_t directory_share = 8;

/// A queue in front of an actor is checked this often at most while stopping.
constexpr std::chrono::milliseconds stop_poll{5};

/// What is configured, or half of the cores. Half for the actors and half for the gateway's threads: more
/// threads than cores only wake each other up. As many lanes: with more of them each commit is smaller
/// (docs/operations/performance.md).
std::uint32_t or_half_of_cores(std::uint32_t configured) {
  return configured ? configured : std::max(1u, std::thread::hardware_concurrency() / 2);
}

std::string host_name() {
  std::array<char, 256> name{};
  return gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "unknown";
}

void append_field(std::string& out, std::string_view key, std::string_view value) {
  append_json_string(out, key);
  out += ':';
  append_json_string(out, value);
}

} // namespace

node::node(const settings& config) {
  register_message_types();
  system_config_.set("caf.scheduler.policy", "sharing");
  system_config_.set("caf.scheduler.max-threads",
                     static_cast<std::size_t>(or_half_of_cores(config.actors.threads)));
  system_config_.set("caf.scheduler.max-throughput",
                     static_cast<std::size_t>(config.actors.max_throughput));
  system_ = std::make_unique<caf::actor_system>(system_config_);
}

node::~node() {
  // Actors use the board, the table, the view of members: they end before these go.
  if (links_) links_->stop();
  if (fetches_) fetches_->stop();
  end_users_of_databases();
  membership_ = nullptr;
  guard_ = nullptr;
  passwords_.reset();
  services_.clear();
  shards_.clear();
  if (table_) table_->clear();
  databases_.reset();
  system_.reset();
}

result<std::unique_ptr<node>> node::start(const settings& config, std::function<void()> on_death) {
  std::unique_ptr<node> made{new node(config)};
  if (auto opened = made->open(config); !opened) return std::unexpected(opened.error());
  if (auto connected = made->connect(config); !connected) return std::unexpected(connected.error());
  made->spawn_shards(config);
  made->spawn_membership(config, std::move(on_death));
  made->spawn_placement(config);
  made->spawn_guard_and_passwords(config);
  return made;
}

result<void> node::open(const settings& config) {
  database_set_settings wanted;
  wanted.databases = addresses_of(config);
  wanted.lanes = or_half_of_cores(config.postgres.lanes);
  wanted.readers = config.postgres.readers;
  wanted.incarnation = incarnation_;
  wanted.limits.batch_units = config.postgres.batch_units;
  wanted.limits.commit_interval = config.postgres.commit_interval;
  wanted.limits.lane_credits = config.postgres.lane_credits;
  wanted.limits.connect_timeout = config.postgres.connect_timeout;
  wanted.limits.statement_timeout = config.postgres.statement_timeout;
  wanted.limits.round_trip_timeout = config.postgres.statement_timeout + std::chrono::seconds(2);
  fetch_service_settings fetching;
  fetching.allow_private = config.providers.allow_private;
  fetching.at_once = config.providers.fetches;
  fetching.limits.max_bytes = config.providers.max_answer.bytes;
  fetching.limits.connect_timeout = config.providers.connect_timeout;
  fetching.limits.idle_timeout = config.providers.idle_timeout;
  fetching.limits.total_timeout = config.providers.total_timeout;
  fetching.ca_file = config.providers.ca_file;
  auto fetches = fetch_service::make(fetching);
  if (!fetches) return std::unexpected(std::move(fetches.error()));
  fetches_ = std::move(*fetches);
  auto opened = database_set::open(*system_, wanted, *metrics_);
  if (!opened) return std::unexpected(opened.error());
  databases_ = std::move(*opened);
  return {};
}

result<void> node::connect(const settings& config) {
  std::array<std::uint32_t, families.size()> counts{};
  for (const auto& info : families)
    counts[static_cast<std::size_t>(info.id)] = databases_->shard_count(info.id);
  board_ = std::make_unique<shard_board>(counts);
  table_ = std::make_unique<shard_table>(counts, *board_);
  transitions_ = std::make_unique<transition_probe>(*metrics_, *board_);

  auto cluster = make_membership_store(addresses_of(config).front(), incarnation_,
                                       config.postgres.statement_timeout)
                   ->cluster();
  if (!cluster) return std::unexpected(std::move(cluster.error()));
  const auto& links = config.links;
  links_ = std::make_unique<remote::interconnect>(
    *system_,
    remote::interconnect::settings{
      .self = incarnation_,
      .cluster = *cluster,
      .mode = links.mode,
      .files = {links.certificate_file, links.key_file, links.authority_file},
      .address = links.address,
      .port = links.port,
      .dial_timeout = links.dial_timeout,
      .ping_interval = links.ping_interval,
      .ping_timeout = links.ping_timeout,
      .max_frame = static_cast<std::uint32_t>(links.max_frame.bytes),
      .max_queue = static_cast<std::size_t>(links.max_queue.bytes),
      .max_requests = links.max_requests,
    },
    *board_, *table_, owners_);
  shown_ = std::make_unique<node_metrics>(*board_, *links_);
  return links_->start({
    .on_hand_off =
      [this](const uuid& asking, shard_ref ref, std::int64_t epoch) {
        if (placing_.load(std::memory_order_acquire))
          caf::anon_send(placement_, hand_off_asked{asking, ref, epoch});
      },
    .on_owner_change = [this] { place_soon(); },
    .on_nudge =
      [this](remote::nudge_kind what) {
        if (!placing_.load(std::memory_order_acquire)) return;
        if (what == remote::nudge_kind::membership) caf::anon_send(membership_, look_now{});
        if (what == remote::nudge_kind::events) caf::anon_send(event_copy_, refresh_events{});
        if (what == remote::nudge_kind::catalog)
          caf::anon_send(caf::actor_cast<catalog_refresher>(catalog_copy_), refresh_catalog{});
      },
  });
}

void node::place_soon() const {
  if (placing_.load(std::memory_order_acquire)) caf::anon_send(placement_, place_now{});
}

void node::on_transition(shard_ref ref, shard_state state, std::int64_t epoch) {
  transitions_->entered(ref, state);
  links_->on_transition(ref, state, epoch);
  {
    std::scoped_lock lock{moved_mutex_}; // or a waiter could miss it
  }
  moved_.notify_all();
}

void node::spawn_membership(const settings& config, std::function<void()> on_death) {
  const auto& cluster = config.cluster;
  membership_settings wanted;
  wanted.self.incarnation = incarnation_;
  wanted.self.host = host_name();
  wanted.self.node = cluster.node.empty() ? wanted.self.host : cluster.node;
  wanted.self.build = version();
  wanted.self.lease = cluster.lease;
  wanted.self.process = own_process();
  wanted.self.roles = cluster.roles;
  if (wanted.self.roles.empty()) {
    wanted.self.roles.emplace_back("gateway");
    for (const auto& info : families) wanted.self.roles.emplace_back(info.name);
  }
  wanted.self.weight = static_cast<std::int32_t>(cluster.weight);
  if (links_->port() != 0) {
    const bool everywhere = config.links.address == "0.0.0.0" || config.links.address == "::";
    wanted.self.link_host = !config.links.advertise.empty() ? config.links.advertise
                            : everywhere                    ? wanted.self.host
                                                            : config.links.address;
    const auto& port = config.links.advertise_port;
    wanted.self.link_port = port != 0 ? port : links_->port();
  }
  if (auto own = links_->own_certificate()) {
    wanted.self.certificates = {links::to_string(own->own())};
    wanted.new_certificates = [watch = std::make_shared<links::certificate_watch>(own)] {
      return watch->look();
    };
  }
  wanted.has_ended = [](const member_record& member) { return process_has_ended(member.process); };
  wanted.on_declared = [this] { links_->nudge_all(remote::nudge_kind::membership); };
  wanted.on_picture = [this](std::shared_ptr<const membership_view::picture> members) {
    links_->show(std::move(members));
    place_soon();
  };
  wanted.renew_interval = cluster.renew_interval;
  wanted.watch.polls = cluster.death_polls;
  wanted.watch.margin = cluster.death_margin;
  // A renewal may take as long as its time-out; what is longer apart was not watched.
  const auto timeout = cluster.lease / 2;
  wanted.watch.longest_gap = cluster.renew_interval + timeout;
  wanted.on_death = std::move(on_death);
  membership_ = troupe::spawn_membership(
    *system_, std::move(wanted),
    make_membership_store(addresses_of(config).front(), incarnation_, timeout), members_,
    std::make_shared<membership_probe>(*metrics_));
  services_.push_back(caf::actor_cast<caf::actor>(membership_));
}

void node::spawn_placement(const settings& config) {
  placement::settings wanted;
  wanted.self = incarnation_;
  wanted.moves_per_second = config.cluster.moves_per_second;
  wanted.ramp_up = config.cluster.ramp_up;
  placement_parts parts;
  parts.store = make_placement_store(addresses_of(config), incarnation_,
                                     config.postgres.statement_timeout);
  parts.members = members_.get();
  parts.membership = membership_;
  parts.databases = databases_.get();
  parts.board = board_.get();
  parts.table = table_.get();
  parts.owners = &owners_;
  parts.links = links_.get();
  placement_ = troupe::spawn_placement(*system_, wanted, std::move(parts));
  placing_.store(true, std::memory_order_release);
}

void node::end_users_of_databases() {
  if (!placement_) return;
  caf::scoped_actor self{*system_};
  for (const auto& actor :
       {caf::actor_cast<caf::actor>(placement_), caf::actor_cast<caf::actor>(catalog_copy_),
        caf::actor_cast<caf::actor>(event_copy_), caf::actor_cast<caf::actor>(registrations_)}) {
    self->send_exit(actor, caf::exit_reason::user_shutdown);
    self->wait_for(actor);
  }
  placement_ = nullptr;
  catalog_copy_ = nullptr;
  event_copy_ = nullptr;
  registrations_ = nullptr;
}

bool node::hand_over(steady_clock::time_point deadline, std::string_view why) {
  const auto left = std::max(stop_poll, std::chrono::duration_cast<std::chrono::milliseconds>(
                                          deadline - steady_clock::now()));
  {
    caf::scoped_actor self{*system_};
    self->request(membership_, left, change_member_state{member_state::draining, std::string{why}})
      .receive([](const member_state_changed&) {}, [](const caf::error&) {});
  }
  caf::anon_send(membership_, look_now{});
  links_->nudge_all(remote::nudge_kind::membership);

  auto empty = [this] {
    return board_->count(shard_state::active) + board_->count(shard_state::loading) +
             board_->count(shard_state::acquiring) + board_->count(shard_state::draining) ==
           0;
  };
  auto somebody_takes = [this] {
    const auto members = members_->current();
    return std::ranges::any_of(members->members, [&](const member_record& member) {
      return member.incarnation != incarnation_ && member.state == member_state::active &&
             links_->linked(member.incarnation) &&
             std::ranges::any_of(families, [&](const auto& info) { return member.hosts(info.id); });
    });
  };
  std::unique_lock lock{moved_mutex_};
  while (!empty() && somebody_takes() && steady_clock::now() < deadline)
    moved_.wait_until(lock,
                      std::min(deadline, steady_clock::now() + std::chrono::milliseconds{100}));
  return empty();
}

void node::spawn_shards(const settings& config) {
  registrations_ = spawn_registrations(
    *system_, [databases = databases_.get()] { return databases->readers(); });
  services_.push_back(caf::actor_cast<caf::actor>(registrations_));
  catalog_copy_ = spawn_catalog_replica(*system_, *databases_, *board_, catalog_);
  event_copy_ = spawn_event_replica(
    *system_, *databases_, events_,
    {.poll = config.providers.poll,
     .only_available_prices = config.providers.prices == "available"});

  const auto& roles = config.cluster.roles;
  auto hot_memory = static_cast<std::size_t>(config.actors.hot_memory.bytes);
  auto settings_of = [&](shard_ref ref) {
    shard_settings made{ref, incarnation_, &board_->at(ref), &members_->lease()};
    auto share = ref.fam == family::directory ? hot_memory / directory_share
                                              : hot_memory - hot_memory / directory_share;
    made.hot_bytes = share / databases_->shard_count(ref.fam);
    made.queue = config.actors.shard_queue;
    made.on_transition = [this](shard_ref moved, shard_state state, std::int64_t epoch) {
      on_transition(moved, state, epoch);
    };
    return made;
  };
  auto place = [&](shard_ref ref, const auto& actor) {
    table_->place(ref, caf::actor_cast<caf::strong_actor_ptr>(actor));
    shards_.push_back(caf::actor_cast<caf::actor>(actor));
  };
  auto catalog_changed = [this] { links_->nudge_all(remote::nudge_kind::catalog); };
  auto events_changed = [this] {
    caf::anon_send(event_copy_, refresh_events{});
    links_->nudge_all(remote::nudge_kind::events);
  };
  auto start_fetch = [this](fetch_order order, fetch_listener listener) {
    return fetches_->start(*system_, std::move(order), std::move(listener));
  };

  std::size_t max_sessions = config.auth.max_sessions;
  for (const auto& info : families) {
    if (!roles.empty() && !std::ranges::contains(roles, info.name)) continue;
    for (std::int32_t s = 0; s < static_cast<std::int32_t>(databases_->shard_count(info.id)); ++s) {
      shard_ref ref{info.id, s};
      switch (info.id) {
        case family::directory:
          place(ref, spawn_directory_shard(*system_, settings_of(ref), {table_.get()}));
          break;
        case family::player:
          place(ref, spawn_player_shard(*system_, settings_of(ref),
                                        {&catalog_, table_.get(), max_sessions}));
          break;
        case family::catalog:
          place(ref, spawn_catalog_shard(*system_, settings_of(ref),
                                         {&catalog_, table_.get(), max_sessions, catalog_changed}));
          break;
        case family::provider:
          place(ref, spawn_provider_shard(*system_, settings_of(ref),
                                          {start_fetch, config.providers.allow_private,
                                           events_changed, metrics_.get()}));
          break;
      }
    }
  }
}

void node::spawn_guard_and_passwords(const settings& config) {
  guard_setup setup;
  setup.auth = config.auth;
  setup.redis_timeout = config.redis.timeout;
  setup.revocations = revocations_;
  setup.metrics = metrics_.get();
  std::optional<redis_setup> redis;
  if (!config.redis.url.value.empty()) {
    auto address = parse_redis_url(config.redis.url.value);
    if (!address) {
      log::error("redis", "bad_url", {{"why", address.error().detail}});
    } else {
      redis.emplace();
      redis->address = std::move(*address);
      redis->timeout = config.redis.timeout;
      redis->probe = std::make_shared<redis_probe>(*metrics_);
      redis_ = redis->status;
      setup.status = redis->status;
      setup.redis = spawn_redis(*system_, *redis);
      services_.push_back(caf::actor_cast<caf::actor>(setup.redis));
    }
  }
  auto guard = spawn_guard(*system_, std::move(setup));
  if (redis) services_.push_back(spawn_revocation_feed(*system_, *redis, guard));
  guard_ = guard;
  services_.push_back(caf::actor_cast<caf::actor>(guard));
  passwords_ = make_password_pool(*system_, config.auth, *metrics_);
  for (const auto& worker : passwords_->workers())
    services_.push_back(caf::actor_cast<caf::actor>(worker));
}

gateway::gateway_dependencies node::gateway_parts(const settings& config) {
  return {*system_,      config,         *table_,
          catalog_,      events_,        guard_,
          *passwords_,   registrations_, caf::actor_cast<catalog_refresher>(catalog_copy_),
          *revocations_, *metrics_};
}

bool node::stop(steady_clock::time_point deadline) {
  bool clean = true;
  fetches_->stop();
  placing_.store(false);
  caf::anon_send_exit(placement_, caf::exit_reason::user_shutdown);
  {
    caf::scoped_actor self{*system_};
    for (auto& shard : shards_) self->send(shard, release_shard{});
    std::size_t released = 0;
    bool waiting = true;
    while (waiting && released < shards_.size()) {
      self->receive(
        [&](const shard_released&) { ++released; },
        caf::after(std::max(stop_poll, std::chrono::duration_cast<std::chrono::milliseconds>(
                                         deadline - steady_clock::now()))) >>
          [&] { waiting = false; });
    }
    clean = released == shards_.size();
    // Last, so that nobody takes this node for gone while it still holds shards.
    const auto left = std::max(stop_poll, std::chrono::duration_cast<std::chrono::milliseconds>(
                                            deadline - steady_clock::now()));
    self->request(membership_, left, change_member_state{member_state::left, "stopped"})
      .receive([](const member_state_changed&) {}, [&](const caf::error&) { clean = false; });
  }
  links_->stop();
  for (auto& actor : shards_) caf::anon_send_exit(actor, caf::exit_reason::user_shutdown);
  for (auto& actor : services_) caf::anon_send_exit(actor, caf::exit_reason::user_shutdown);
  auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - steady_clock::now());
  return databases_->stop(std::max(left, std::chrono::milliseconds(100))) && clean;
}

std::size_t node::shards_with_owner() const {
  const auto members = members_->current();
  std::size_t owned = 0;
  for (const auto& info : families) {
    const auto& list = board_->of(info.id);
    for (std::int32_t s = 0; s < static_cast<std::int32_t>(list.size()); ++s) {
      if (list[static_cast<std::size_t>(s)].state.load(std::memory_order_relaxed) ==
          shard_state::active) {
        ++owned;
        continue;
      }
      const auto known = owners_.find({info.id, s});
      owned += !known.owner.is_nil() && known.owner != incarnation_ &&
               members->find(known.owner) != nullptr;
    }
  }
  return owned;
}

bool node::serving() const noexcept {
  return members_->lease().valid() && catalog_.loaded() && events_.loaded() &&
         shards_with_owner() == board_->size();
}

std::vector<gateway::readiness_check> node::readiness(bool starting) const {
  std::vector<gateway::readiness_check> checks;
  const auto owned = shards_with_owner();
  checks.push_back({"shards", owned == board_->size(),
                    std::to_string(owned) + " of " + std::to_string(board_->size()) +
                      " have an owner, " + std::to_string(board_->count(shard_state::active)) +
                      " of them here",
                    starting});
  if (!catalog_.loaded())
    checks.push_back({"catalog", false, "this node has not read the catalogue yet"});
  if (!events_.loaded())
    checks.push_back({"events", false, "this node has not read the events yet"});
  const auto known = members_->current();
  if (links_->port() != 0) {
    // One that joins is linked before it owns anything; one that drains may be gone any moment.
    std::size_t others = 0, up = 0;
    for (const auto& member : known->members) {
      if (member.incarnation == incarnation_ || member.state != member_state::active ||
          member.link_host.empty())
        continue;
      ++others;
      up += links_->linked(member.incarnation);
    }
    checks.push_back(
      {"links", others == 0 || up > 0,
       std::to_string(up) + " of " + std::to_string(others) + " other nodes are linked"});
  }
  const bool renewed = members_->lease().valid();
  checks.push_back({"membership", renewed,
                    renewed
                      ? std::to_string(known->members.size()) + " members, version " +
                          std::to_string(known->version)
                      : "not renewed for longer than the lease: reads from memory are refused"});
  for (const auto& database : databases_->health())
    checks.push_back(
      {"database " + database.database, database.up, database.up ? "connected" : "out of reach"});
  if (redis_)
    checks.push_back({"redis", redis_->up(),
                      redis_->up() ? "connected" : "out of reach: this node counts for itself",
                      false});
  return checks;
}

std::string node::shards_json() const {
  std::string out = "{\"incarnation\":";
  append_json_string(out, to_string(incarnation_));
  out += ",\"shards\":[";
  bool first = true;
  for (const auto& info : families) {
    const auto& list = board_->of(info.id);
    for (std::size_t s = 0; s < list.size(); ++s) {
      if (!std::exchange(first, false)) out += ',';
      out += '{';
      append_field(out, "family", info.name);
      out += ",\"shard\":" + std::to_string(s) +
             ",\"epoch\":" + std::to_string(list[s].epoch.load()) + ',';
      append_field(out, "state", to_string(list[s].state.load()));
      // Whom this node would ask.
      const auto known = owners_.find({info.id, static_cast<std::int32_t>(s)});
      out += ",\"owner\":";
      if (known.owner.is_nil())
        out += "null";
      else
        append_json_string(out, to_string(known.owner));
      out += ",\"hot_bytes\":" + std::to_string(list[s].hot_bytes.load()) +
             ",\"waiting\":" + std::to_string(list[s].waiting.load()) + '}';
    }
  }
  return out += "]}";
}

std::string node::nodes_json() const {
  const auto known = members_->current();
  const auto peers = links_->current().peers;
  std::string out = "{\"self\":";
  append_json_string(out, to_string(incarnation_));
  out += ",\"version\":" + std::to_string(known->version) + ",\"nodes\":[";
  bool first = true;
  for (const auto& member : known->members) {
    if (!std::exchange(first, false)) out += ',';
    out += '{';
    append_field(out, "incarnation", to_string(member.incarnation));
    out += ',';
    append_field(out, "node", member.node);
    out += ',';
    append_field(out, "host", member.host);
    out += ',';
    append_field(out, "build", member.build);
    out += ',';
    append_field(out, "joined_at", to_string(member.joined_at));
    out += ',';
    append_field(out, "state", to_string(member.state));
    out += ",\"roles\":[";
    for (std::size_t i = 0; i < member.roles.size(); ++i) {
      if (i > 0) out += ',';
      append_json_string(out, member.roles[i]);
    }
    out += "],\"weight\":" + std::to_string(member.weight);
    if (const auto peer = std::ranges::find(peers, member.incarnation,
                                            &remote::interconnect::peer_status::node);
        peer != peers.end())
      out += std::string{",\"linked\":"} + (peer->up ? "true" : "false") +
             ",\"queued_bytes\":" + std::to_string(peer->queued);
    out += '}';
  }
  return out += "]}";
}

} // namespace troupe
