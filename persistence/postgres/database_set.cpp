#include "persistence/database_set.hpp"

#include <algorithm>
#include <array>
#include <mutex>
#include <optional>
#include <pqxx/pqxx>
#include <utility>

#include "persistence/postgres/actors.hpp"
#include "persistence/postgres/dial.hpp"

namespace troupe {

namespace {

using postgres::link_health;

/// Families, databases and homes as the control database holds them.
struct layout {
  std::array<std::uint32_t, families.size()> counts{};
  std::vector<database_address> databases;
  std::array<std::vector<std::string>, families.size()> homes; ///< for each shard of a family
};

result<layout> read_layout(const database_set_settings& settings) {
  const auto& control = settings.databases.front();
  auto wrong = [](std::string what) { return fail(errc::internal, std::move(what)); };
  try {
    postgres::dial_options options;
    options.application_name = to_string(settings.incarnation);
    options.connect_timeout = std::chrono::ceil<std::chrono::seconds>(
      settings.limits.connect_timeout);
    options.statement_timeout = settings.limits.statement_timeout;
    auto connection = postgres::dial(control.dsn, options);
    pqxx::nontransaction read{connection.session};
    layout found;
    found.databases = settings.databases;
    for (const auto& row : read.exec("select name, dsn, replica_dsn from troupe.database"
                                     " where dsn <> '' order by added_at, name"))
      if (const auto name = row[0].as<std::string>();
          !std::ranges::contains(found.databases, name, &database_address::name))
        found.databases.push_back({name, row[1].as<std::string>(), row[2].as<std::string>()});
    for (const auto& row : read.exec("select family, shard_count from troupe.family_shards")) {
      const auto fam = parse_family(row[0].as<std::string>());
      if (!fam) continue; // of a newer program that has come and gone; this one does not serve it
      const auto index = static_cast<std::size_t>(*fam);
      found.counts[index] = row[1].as<std::uint32_t>();
      found.homes[index].resize(found.counts[index]);
    }
    for (const auto& row : read.exec("select family, shard_id, database from troupe.shard_home")) {
      const auto fam = parse_family(row[0].as<std::string>());
      if (!fam) continue;
      const auto shard = row[1].as<std::size_t>();
      const auto name = row[2].as<std::string>();
      auto& homes = found.homes[static_cast<std::size_t>(*fam)];
      if (!std::ranges::contains(found.databases, name, &database_address::name))
        return wrong("shards live in database \"" + name + "\", which is not configured");
      if (shard < homes.size()) homes[shard] = name;
    }
    for (const auto& info : families) {
      const auto index = static_cast<std::size_t>(info.id);
      if (found.counts[index] == 0 || std::ranges::contains(found.homes[index], std::string{}))
        return wrong("family " + std::string{info.name} +
                     " has shards without a home; run `troupe migrate up`");
    }
    return found;
  } catch (const pqxx::broken_connection& error) {
    return fail(errc::storage_unavailable, "database " + control.name + ": " + error.what());
  } catch (const std::exception& error) {
    return fail(errc::internal, "database " + control.name + ": " + error.what());
  }
}

class postgres_databases final : public database_set {
public:
  postgres_databases(caf::actor_system& system, const database_set_settings& settings,
                     const layout& found, metric_registry& metrics)
    : system_(system),
      settings_(settings),
      metrics_(metrics),
      counts_(found.counts),
      spread_(found.databases.size()) {
    for (const auto& address : found.databases) add(address);
    for (std::size_t fam = 0; fam < families.size(); ++fam)
      for (const auto& name : found.homes[fam]) homes_[fam].push_back(*place_of(name));
  }

  std::uint32_t shard_count(family fam) const noexcept override {
    return counts_[static_cast<std::size_t>(fam)];
  }

  shard_storage at(shard_ref ref) const override {
    const auto fam = static_cast<std::size_t>(ref.fam);
    const auto shard = static_cast<std::size_t>(ref.shard);
    std::lock_guard lock{mutex_};
    const auto& home = databases_[homes_[fam][shard]];
    // Neighbours live in different databases; within one they go to different lanes. Families start at
    // different lanes, so that a family of one shard does not always meet the first.
    const auto place = shard / spread_ + fam;
    const auto& [writer, writer_credits] = home.lanes[place % home.lanes.size()];
    const auto& [reader, reader_credits] = home.readers[place % home.readers.size()];
    return {writer, writer_credits, reader, reader_credits};
  }

  std::vector<database_reader> readers() const override {
    std::lock_guard lock{mutex_};
    std::vector<database_reader> all;
    for (const auto& database : databases_)
      if (!database.closed)
        all.push_back(
          {database.name, database.readers.front().first, database.readers.front().second});
    return all;
  }

  void refresh(std::span<const database_address> databases,
               std::span<const shard_home> homes) override {
    std::lock_guard lock{mutex_};
    if (stopped_) return;
    for (const auto& address : databases)
      if (!place_of(address.name)) add(address);
    for (const auto& [ref, name] : homes) {
      auto& known = homes_[static_cast<std::size_t>(ref.fam)];
      const auto place = place_of(name);
      const auto shard = static_cast<std::size_t>(ref.shard);
      if (place && shard < known.size()) known[shard] = *place;
    }
    for (std::size_t i = 0; i < databases_.size(); ++i)
      if (!databases_[i].closed && !holds_shards(i) &&
          !std::ranges::contains(databases, databases_[i].name, &database_address::name))
        close(databases_[i]);
  }

  std::vector<database_health> health() const override {
    std::lock_guard lock{mutex_};
    std::vector<database_health> all;
    for (const auto& database : databases_) {
      if (database.closed) continue;
      database_health one{database.name, true, {}};
      // Up since the last link came up; down since the first of those that are down went.
      for (const auto& link : database.links) {
        const auto since = link->since();
        if (link->up() && one.up) {
          one.since = std::max(one.since, since);
        } else if (!link->up()) {
          one.since = one.up ? since : std::min(one.since, since);
          one.up = false;
        }
      }
      all.push_back(std::move(one));
    }
    return all;
  }

  bool stop(std::chrono::milliseconds limit) override {
    {
      std::lock_guard lock{mutex_};
      stopped_ = true;
      for (auto& database : databases_)
        if (!database.closed) close(database);
    }
    return running_->wait(limit);
  }

private:
  struct one_database {
    std::string name;
    std::vector<std::pair<writer_actor, std::shared_ptr<credits>>> lanes;
    std::vector<std::pair<reader_actor, std::shared_ptr<credits>>> readers;
    std::vector<std::shared_ptr<link_health>> links;
    std::vector<postgres::lane_actor> lane_actors;
    std::vector<postgres::reading_actor> reading_actors;
    postgres::sweeper_actor sweeper;
    bool closed = false; ///< one of the same name that is added later is another one
  };

  /// Each finishes what it was sent before.
  static void close(one_database& database) {
    database.closed = true;
    for (const auto& closing : database.lane_actors) caf::anon_send(closing, caf::close_atom_v);
    for (const auto& closing : database.reading_actors) caf::anon_send(closing, caf::close_atom_v);
    caf::anon_send(database.sweeper, caf::close_atom_v);
  }

  bool holds_shards(std::size_t place) const {
    return std::ranges::any_of(
      homes_, [place](const auto& homes) { return std::ranges::contains(homes, place); });
  }

  /// The place in `databases_`.
  std::optional<std::size_t> place_of(std::string_view name) const {
    const auto found = std::ranges::find_if(
      databases_, [name](const auto& one) { return !one.closed && one.name == name; });
    if (found == databases_.end()) return std::nullopt;
    return static_cast<std::size_t>(found - databases_.begin());
  }

  void add(const database_address& address) {
    auto& database = databases_.emplace_back();
    database.name = address.name;
    for (std::uint32_t i = 0; i < settings_.lanes; ++i) spawn_lane(address, i);
    for (std::uint32_t i = 0; i < settings_.readers; ++i) spawn_reader(address, i);
    database.sweeper = postgres::spawn_sweeper(
      system_,
      {address.dsn, address.name, settings_.incarnation, settings_.limits, address.placement},
      around(nullptr));
  }

  postgres::surroundings around(std::shared_ptr<link_health> health) {
    return {dog_, running_, std::move(health)};
  }
  static std::string label(const database_address& address, std::uint32_t i) {
    return address.name + "/" + std::to_string(i);
  }

  void spawn_lane(const database_address& address, std::uint32_t i) {
    auto& database = databases_.back();
    auto health = database.links.emplace_back(std::make_shared<link_health>());
    auto credit = std::make_shared<credits>(settings_.limits.lane_credits);
    auto probe = std::make_shared<postgres::writer_probe>(metrics_, address.name, i);
    auto lane = postgres::spawn_lane(
      system_,
      {address.dsn, label(address, i), settings_.incarnation, settings_.limits, address.placement},
      std::move(probe), credit, around(std::move(health)));
    database.lanes.emplace_back(lane, credit);
    database.lane_actors.push_back(std::move(lane));
  }

  void spawn_reader(const database_address& address, std::uint32_t i) {
    auto& database = databases_.back();
    auto health = database.links.emplace_back(std::make_shared<link_health>());
    auto credit = std::make_shared<credits>(settings_.limits.reader_credits);
    auto probe = std::make_shared<postgres::reader_probe>(metrics_, address.name, i);
    auto reader = postgres::spawn_reader(system_,
                                         {address.dsn, address.replica_dsn, label(address, i),
                                          settings_.incarnation, settings_.limits,
                                          address.placement},
                                         std::move(probe), credit, around(std::move(health)));
    database.readers.emplace_back(reader, credit);
    database.reading_actors.push_back(std::move(reader));
  }

  caf::actor_system& system_;
  const database_set_settings settings_;
  metric_registry& metrics_;
  const std::array<std::uint32_t, families.size()> counts_;
  const std::size_t spread_; ///< databases at the start: a shard keeps its lane when one is added
  mutable std::mutex mutex_; ///< guards what follows, and what refers to it
  bool stopped_ = false;
  std::shared_ptr<postgres::watchdog> dog_ = std::make_shared<postgres::watchdog>();
  std::shared_ptr<postgres::running_actors> running_ = std::make_shared<postgres::running_actors>();
  std::vector<one_database> databases_;
  /// For each family, the place of each shard's database.
  std::array<std::vector<std::size_t>, families.size()> homes_;
};

} // namespace

result<std::unique_ptr<database_set>> database_set::open(caf::actor_system& system,
                                                         const database_set_settings& settings,
                                                         metric_registry& metrics) {
  if (settings.databases.empty() || settings.lanes == 0 || settings.readers == 0)
    return fail(errc::internal, "a database, a lane and a reader are needed at least");
  auto found = read_layout(settings);
  if (!found) return std::unexpected(found.error());
  return std::make_unique<postgres_databases>(system, settings, *found, metrics);
}

} // namespace troupe
