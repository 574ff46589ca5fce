#include "persistence/placement_store.hpp"

#include <algorithm>
#include <array>
#include <list>
#include <ranges>
#include <unordered_map>

#include "base/log.hpp"
#include "persistence/postgres/connection.hpp"

namespace troupe {

namespace {

using namespace std::chrono_literals;
using postgres::call;
using postgres::statement;

constexpr statement list_owners{"list_owners",
                                "select shard_id, family, epoch, owner from troupe.shard_fence"};

constexpr statement list_pins{"list_pins", "select shard_id, family, node from troupe.shard_pin"};

constexpr statement list_homes{"list_homes", R"(
select h.shard_id, h.family, h.database,
       exists (select from troupe.shard_move m
                 join troupe.member b on b.incarnation = m.mover and b.ended_at is null
                where m.shard_id = h.shard_id and m.family = h.family and m.state = 'copying')
  from troupe.shard_home h)"};

constexpr statement list_databases{"list_databases", R"(
select name, dsn, replica_dsn from troupe.database where dsn <> '' order by added_at, name)"};

constexpr statement set_pin{"set_pin", R"(
with changed as (update troupe.membership set version = version + 1)
insert into troupe.shard_pin (shard_id, family, node) values ($1::int, $2::text, $3::text)
on conflict (shard_id, family) do update set node = excluded.node)"};

constexpr statement remove_pin{"remove_pin", R"(
with changed as (update troupe.membership set version = version + 1)
delete from troupe.shard_pin where shard_id = $1::int and family = $2::text)"};

postgres::dial_options options_of(std::string name, std::chrono::milliseconds timeout) {
  postgres::dial_options options;
  options.application_name = std::move(name);
  options.connect_timeout = 2s; // libpq's least
  options.tcp_user_timeout = timeout;
  options.statement_timeout = timeout;
  return options;
}

class postgres_placement final : public placement_store {
public:
  postgres_placement(std::span<const database_address> databases, const uuid& incarnation,
                     std::chrono::milliseconds timeout)
    : configured_(databases.begin(), databases.end()),
      incarnation_(incarnation),
      timeout_(timeout) {
    follow(configured_);
  }

  result<picture> read() override {
    picture seen;
    std::vector<read_fence> fences;
    for (auto& database : databases_ | std::views::drop(1)) {
      const std::array calls{call{&list_owners, {}}};
      if (auto done = run(database, calls))
        add_fences((*done)[0], database.address.name, fences);
      else
        seen.unreachable.push_back(database.address.name);
    }
    // The control database last: no fence is older than the homes.
    auto& control = databases_.front();
    const std::array calls{call{&list_owners, {}}, call{&list_pins, {}}, call{&list_databases, {}},
                           call{&list_homes, {}}};
    auto done = run(control, calls);
    if (!done) return std::unexpected(done.error());
    add_fences((*done)[0], control.address.name, fences);
    add_pins((*done)[1], seen.pins);
    seen.databases = with_added((*done)[2]);
    add_homes((*done)[3], seen);
    keep_those_at_home(fences, seen);
    follow(seen.databases);
    return seen;
  }

private:
  struct one_database {
    database_address address;
    postgres::connection connection;
  };
  struct read_fence {
    fence_row row;
    std::string_view database;
  };

  /// Connections for what is new; none for what is no longer there. The control database stays first.
  void follow(std::span<const database_address> wanted) {
    std::erase_if(databases_, [&](const auto& known) {
      return !std::ranges::contains(wanted, known.address.name, &database_address::name);
    });
    for (const auto& database : wanted)
      if (std::ranges::none_of(
            databases_, [&](const auto& known) { return known.address.name == database.name; }))
        databases_.push_back(
          {database,
           {database.dsn, options_of(to_string(incarnation_), timeout_), timeout_ + 500ms, dog_}});
  }

  std::vector<database_address> with_added(const postgres::rows& rows) const {
    auto all = configured_;
    for (std::size_t i = 0; i < rows.size(); ++i)
      if (auto name = rows.text(i, 0);
          !std::ranges::contains(configured_, name, &database_address::name))
        all.push_back({std::move(name), rows.text(i, 1), rows.text(i, 2)});
    return all;
  }

  static result<std::vector<postgres::rows>> run(one_database& database,
                                                 std::span<const call> calls) {
    auto why = [&](const std::string& message) {
      return fail(errc::storage_unavailable, "database " + database.address.name + ": " + message);
    };
    if (!database.connection.is_open())
      if (auto opened = database.connection.open(); !opened) return why(opened.error());
    auto done = database.connection.run(calls);
    if (!done) return why(done.error().message);
    return std::move(*done);
  }

  static void add_fences(const postgres::rows& rows, std::string_view database,
                         std::vector<read_fence>& fences) {
    for (std::size_t i = 0; i < rows.size(); ++i)
      if (const auto fam = parse_family(rows.bytes(i, 1)))
        fences.push_back({{{*fam, rows.int4(i, 0)},
                           rows.int8(i, 2),
                           rows.is_null(i, 3) ? std::nullopt : std::optional{rows.id(i, 3)}},
                          database});
  }

  static void add_homes(const postgres::rows& rows, picture& seen) {
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const auto fam = parse_family(rows.bytes(i, 1));
      if (!fam) continue; // of a newer program
      const shard_ref ref{*fam, rows.int4(i, 0)};
      seen.homes.push_back({ref, rows.text(i, 2)});
      if (rows.boolean(i, 3)) seen.moving.push_back(ref);
    }
  }

  /// A move leaves a fence where the shard came from for a while, or where it was to go.
  static void keep_those_at_home(const std::vector<read_fence>& fences, picture& seen) {
    std::unordered_map<shard_ref, std::string_view> homes;
    for (const auto& home : seen.homes) homes.emplace(home.ref, home.database);
    for (const auto& fence : fences)
      if (const auto home = homes.find(fence.row.ref);
          home != homes.end() && home->second == fence.database)
        seen.fences.push_back(fence.row);
  }

  static void add_pins(const postgres::rows& rows, std::vector<shard_pin>& pins) {
    for (std::size_t i = 0; i < rows.size(); ++i)
      if (const auto fam = parse_family(rows.bytes(i, 1)))
        pins.push_back({{*fam, rows.int4(i, 0)}, rows.text(i, 2)});
  }

  const std::vector<database_address> configured_;
  const uuid incarnation_;
  const std::chrono::milliseconds timeout_;
  postgres::watchdog dog_;
  std::list<one_database> databases_; ///< a connection stays where it is
};

} // namespace

std::unique_ptr<placement_store> make_placement_store(std::span<const database_address> databases,
                                                      const uuid& incarnation,
                                                      std::chrono::milliseconds timeout) {
  return std::make_unique<postgres_placement>(databases, incarnation, timeout);
}

result<void> pin_shard(const database_address& control, shard_ref ref, const std::string& node) {
  constexpr auto time_limit = 5s;
  postgres::watchdog dog;
  postgres::connection connection{control.dsn, options_of("troupe shards", time_limit),
                                  time_limit + 1s, dog};
  if (auto opened = connection.open(); !opened)
    return fail(errc::storage_unavailable, "database " + control.name + ": " + opened.error());
  std::array calls{call{node.empty() ? &remove_pin : &set_pin, {}}};
  calls[0].arguments.add(ref.shard).add(to_string(ref.fam));
  if (!node.empty()) calls[0].arguments.add(std::string_view{node});
  if (auto done = connection.run(calls); !done)
    return fail(done.error().lost ? errc::storage_unavailable : errc::internal,
                "database " + control.name + ": " + done.error().message);
  return {};
}

} // namespace troupe
