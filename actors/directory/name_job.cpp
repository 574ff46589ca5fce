#include "actors/directory/name_job.hpp"

#include "base/msgpack.hpp"

namespace troupe {

job_record make_name_job(std::string_view kind, const name_job& job) {
  return {make_uuid_v7(), std::string{kind}, to_msgpack(job)};
}

std::optional<name_job> read_name_job(const job_record& record) {
  if (record.kind != confirm_name_job && record.kind != release_name_job) return std::nullopt;
  auto job = from_msgpack<name_job>(record.payload);
  if (!job) return std::nullopt;
  return std::move(*job);
}

} // namespace troupe
