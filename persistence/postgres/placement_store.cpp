#include "persistence/placement_store.hpp"

#include <array>
#include <list>

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
                     std::chrono::milliseconds timeout) {
    for (const auto& database : databases)
      databases_.push_back(
        {database.name,
         {database.dsn, options_of(to_string(incarnation), timeout), timeout + 500ms, dog_}});
  }

  result<picture> read() override {
    picture seen;
    bool control = true;
    for (auto& database : databases_) {
      const std::array calls{call{&list_owners, {}}, call{&list_pins, {}}};
      auto done = run(database, std::span{calls}.first(control ? 2 : 1));
      if (!done) {
        if (control) return std::unexpected(done.error());
        seen.unreachable.push_back(database.name);
        continue;
      }
      add_fences((*done)[0], seen.fences);
      if (control) add_pins((*done)[1], seen.pins);
      control = false;
    }
    return seen;
  }

private:
  struct one_database {
    std::string name;
    postgres::connection connection;
  };

  static result<std::vector<postgres::rows>> run(one_database& database,
                                                 std::span<const call> calls) {
    auto why = [&](const std::string& message) {
      return fail(errc::storage_unavailable, "database " + database.name + ": " + message);
    };
    if (!database.connection.is_open())
      if (auto opened = database.connection.open(); !opened) return why(opened.error());
    auto done = database.connection.run(calls);
    if (!done) return why(done.error().message);
    return std::move(*done);
  }

  static void add_fences(const postgres::rows& rows, std::vector<fence_row>& fences) {
    for (std::size_t i = 0; i < rows.size(); ++i)
      if (const auto fam = parse_family(rows.bytes(i, 1)))
        fences.push_back({{*fam, rows.int4(i, 0)},
                          rows.int8(i, 2),
                          rows.is_null(i, 3) ? std::nullopt : std::optional{rows.id(i, 3)}});
  }

  static void add_pins(const postgres::rows& rows, std::vector<shard_pin>& pins) {
    for (std::size_t i = 0; i < rows.size(); ++i)
      if (const auto fam = parse_family(rows.bytes(i, 1)))
        pins.push_back({{*fam, rows.int4(i, 0)}, rows.text(i, 2)});
  }

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
