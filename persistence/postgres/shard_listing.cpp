#include "persistence/shard_listing.hpp"

#include <algorithm>
#include <array>

#include "persistence/postgres/connection.hpp"

namespace troupe {

namespace {

using namespace std::chrono_literals;
using postgres::call;

constexpr postgres::statement list_fences{
  "list_fences", "select shard_id, family, epoch, owner, changed_at from troupe.shard_fence"};

/// Of a whole listing.
constexpr auto time_limit = 5s;

result<void> add_shards(const database_address& database, postgres::watchdog& dog,
                        std::vector<listed_shard>& all) {
  postgres::dial_options options;
  options.application_name = "troupe shards";
  options.statement_timeout = time_limit;
  postgres::connection connection{database.dsn, options, time_limit + 1s, dog};
  if (const auto opened = connection.open(); !opened)
    return fail(errc::storage_unavailable, "database " + database.name + ": " + opened.error());
  const std::array calls{call{&list_fences, {}}};
  const auto done = connection.run(calls);
  if (!done)
    return fail(done.error().lost ? errc::storage_unavailable : errc::internal,
                "database " + database.name + ": " + done.error().message);
  const auto& rows = done->front();
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto fam = parse_family(rows.bytes(i, 1));
    if (!fam) continue; // of a newer program
    all.push_back({.ref = {*fam, rows.int4(i, 0)},
                   .database = database.name,
                   .epoch = rows.int8(i, 2),
                   .owner = rows.is_null(i, 3) ? std::nullopt : std::optional{rows.id(i, 3)},
                   .changed_at = rows.time(i, 4)});
  }
  return {};
}

} // namespace

result<std::vector<listed_shard>> list_shards(std::span<const database_address> databases) {
  postgres::watchdog dog;
  std::vector<listed_shard> all;
  for (const auto& database : databases)
    if (auto added = add_shards(database, dog, all); !added) return std::unexpected(added.error());
  std::ranges::sort(all, {}, &listed_shard::ref);
  return all;
}

} // namespace troupe
