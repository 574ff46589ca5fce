#include "persistence/evidence.hpp"

#include <array>

#include "persistence/postgres/connection.hpp"

namespace troupe {

namespace {

using namespace std::chrono_literals;
using postgres::array_parameter;
using postgres::call;
using postgres::element;
using postgres::statement;

constexpr statement find_operations{"find_operations", R"(
select op_id, count(*) from troupe.operation
 where family = 'player' and op_id = any($1::uuid[]) group by op_id)"};

constexpr statement find_players{"find_players", R"(
select name, count(*) from troupe.player
 where name = any($1::text[]) and not deleted group by name)"};

constexpr statement compare_counters{"compare_counters", R"(
with counted as (
  select shard_id, game_id, count(*) as players from troupe.player_game group by shard_id, game_id)
select coalesce(c.shard_id, g.shard_id), coalesce(c.game_id, g.game_id),
       coalesce(g.players, 0), coalesce(c.players, 0)
  from troupe.game_counter g
  full join counted c on c.shard_id = g.shard_id and c.game_id = g.game_id
 where coalesce(g.players, 0) <> coalesce(c.players, 0))"};

constexpr auto time_limit = 30s;

result<postgres::rows> ask(const database_address& database, call question) {
  postgres::watchdog dog;
  postgres::dial_options options;
  options.application_name = "troupe drill";
  options.statement_timeout = time_limit;
  postgres::connection connection{database.dsn, options, time_limit + 1s, dog};
  if (const auto opened = connection.open(); !opened)
    return fail(errc::storage_unavailable, "database " + database.name + ": " + opened.error());
  const std::array calls{std::move(question)};
  auto done = connection.run(calls);
  if (!done)
    return fail(done.error().lost ? errc::storage_unavailable : errc::internal,
                "database " + database.name + ": " + done.error().message);
  return std::move(done->front());
}

} // namespace

result<std::unordered_map<uuid, std::uint64_t>> count_operations(
  std::span<const database_address> databases, std::span<const uuid> operations) {
  std::unordered_map<uuid, std::uint64_t> found;
  for (const auto& database : databases) {
    array_parameter ids{element::uuid};
    for (const auto& id : operations) ids.add(id);
    call question{&find_operations, {}};
    question.arguments.add(std::move(ids));
    auto rows = ask(database, std::move(question));
    if (!rows) return std::unexpected(rows.error());
    for (std::size_t i = 0; i < rows->size(); ++i)
      found[rows->id(i, 0)] += static_cast<std::uint64_t>(rows->int8(i, 1));
  }
  return found;
}

result<std::unordered_map<std::string, std::uint64_t>> count_players_named(
  std::span<const database_address> databases, std::span<const std::string> names) {
  std::unordered_map<std::string, std::uint64_t> found;
  for (const auto& database : databases) {
    array_parameter list{element::text};
    for (const auto& name : names) list.add(std::string_view{name});
    call question{&find_players, {}};
    question.arguments.add(std::move(list));
    auto rows = ask(database, std::move(question));
    if (!rows) return std::unexpected(rows.error());
    for (std::size_t i = 0; i < rows->size(); ++i)
      found[rows->text(i, 0)] += static_cast<std::uint64_t>(rows->int8(i, 1));
  }
  return found;
}

result<std::vector<std::string>> wrong_counters(std::span<const database_address> databases) {
  std::vector<std::string> wrong;
  for (const auto& database : databases) {
    auto rows = ask(database, call{&compare_counters, {}});
    if (!rows) return std::unexpected(rows.error());
    for (std::size_t i = 0; i < rows->size(); ++i)
      wrong.push_back("player/" + std::to_string(rows->int4(i, 0)) + ": game " +
                      to_string(rows->id(i, 1)) + " is counted " +
                      std::to_string(rows->int8(i, 2)) + " times and has " +
                      std::to_string(rows->int8(i, 3)) + " players");
  }
  return wrong;
}

} // namespace troupe
