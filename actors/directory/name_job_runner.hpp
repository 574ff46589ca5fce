#pragma once

#include <caf/all.hpp>
#include <chrono>
#include <functional>

#include "actors/api/interfaces.hpp"
#include "actors/api/router.hpp"
#include "actors/directory/name_job.hpp"
#include "base/log.hpp"

namespace troupe {

/// Carries a name job to the directory, for any family whose accounts have names. `done(false)`: to be
/// tried again later. A job of a kind that this version does not know is logged and given up.
template <class Self>
void run_name_job(Self self, const router& routes, const job_record& record,
                  std::function<void(bool)> done) {
  constexpr auto job_timeout = std::chrono::seconds(5);
  auto job = read_name_job(record);
  if (!job) {
    log::error("jobs", "unknown_job", {{"kind", record.kind}, {"job", to_string(record.id)}});
    return done(true);
  }
  auto directory = routes.route<directory_actor>(job->key);
  if (!directory) return done(false);
  call c;
  c.op_id = make_uuid_v7();
  c.deadline = std::chrono::steady_clock::now() + job_timeout;
  auto succeeded = [done](const name_settled&) { done(true); };
  auto failed = [done](const caf::error&) { done(false); };
  if (record.kind == confirm_name_job)
    self->request(*directory, job_timeout, c, confirm_name{job->key, job->account, job->op_id})
      .then(succeeded, failed);
  else
    self->request(*directory, job_timeout, c, release_name{job->key, job->account, job->op_id})
      .then(succeeded, failed);
}

} // namespace troupe
