#include "persistence/postgres/routed.hpp"

#include <doctest/doctest.h>

#include "persistence/postgres/statements.hpp"

using namespace troupe::postgres;

namespace {

/// On one line.
std::string flat(std::string text) {
  for (auto& c : text)
    if (c == '\n') c = ' ';
  for (auto at = text.find("  "); at != text.npos; at = text.find("  ")) text.erase(at, 1);
  return text;
}

} // namespace

TEST_CASE("a routed join names its shard by the first of the array") {
  CHECK(flat(routed(sql::delete_jobs.sql)) ==
        " delete from troupe.job j using unnest($1::int[], $2::text[], $3::uuid[]) as w (shard_id, "
        "family, job_id) where j.shard_id = w.shard_id and j.shard_id = ($1::int[])[1] and "
        "j.family = w.family and j.job_id = w.job_id");
}

TEST_CASE("routed rows take their shard from the fence of the table's family") {
  CHECK(
    flat(routed(sql::put_studios.sql)) ==
    " insert into troupe.studio (shard_id, studio_id, name, created_at) select f.shard_id, "
    "w.studio_id, w.name, w.created_at from troupe.shard_fence f, unnest($1::int[], $2::uuid[], "
    "$3::text[], $4::timestamptz[]) as w (shard_id, studio_id, name, created_at) where "
    "f.shard_id = ($1::int[])[1] and f.family = 'catalog' on conflict (shard_id, studio_id) do "
    "update set name = excluded.name");
}

TEST_CASE("routed rows of every family take their shard from the fence of their own") {
  CHECK(flat(routed(sql::put_jobs.sql)) ==
        " insert into troupe.job (shard_id, family, job_id, kind, payload) select f.shard_id, "
        "w.family, w.job_id, w.kind, w.payload from troupe.shard_fence f, unnest($1::int[], "
        "$2::text[], $3::uuid[], $4::text[], $5::bytea[]) as w (shard_id, family, job_id, kind, "
        "payload) where f.shard_id = ($1::int[])[1] and f.family = w.family on conflict (shard_id, "
        "family, job_id) do update set kind = excluded.kind, payload = excluded.payload");
}

TEST_CASE("what names its shard itself, or no shard, is routed as it is") {
  CHECK(routed(sql::load_studios.sql) == sql::load_studios.sql);
  CHECK(routed(sql::sum_counters.sql) == sql::sum_counters.sql);
}
