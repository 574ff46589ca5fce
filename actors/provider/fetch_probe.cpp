#include "actors/provider/fetch_probe.hpp"

#include <algorithm>
#include <utility>

namespace troupe {

fetch_probe::fetch_probe(metric_registry& metrics)
  : fetches_(
      prometheus::BuildCounter()
        .Name("troupe_provider_fetches_total")
        .Help("Fetches that ended, by provider and how: ok, unchanged or the kind of failure")
        .Register(metrics)),
    events_(prometheus::BuildCounter()
              .Name("troupe_provider_events_total")
              .Help("Events in answers, by provider: seen, rejected, changed")
              .Register(metrics)),
    success_(prometheus::BuildGauge()
               .Name("troupe_provider_success_timestamp_seconds")
               .Help("When the last fetch succeeded, by provider; now less this is its freshness")
               .Register(metrics)) {}

prometheus::Labels fetch_probe::labels(const uuid& id, const series& of) {
  return {{"id", to_string(id)}, {"provider", of.name}};
}

void fetch_probe::succeeded(const uuid& id, series& of, timestamp at) {
  of.success = &success_.Add(labels(id, of));
  of.success->Set(static_cast<double>(at.unix_ms) / 1e3);
}

void fetch_probe::known(const uuid& id, const std::string& name,
                        std::optional<timestamp> succeeded_at) {
  auto& one = providers_[id];
  if (one.name == name) return;
  remove(one);
  one = {.name = name};
  if (succeeded_at) succeeded(id, one, *succeeded_at);
}

void fetch_probe::ended(const uuid& id, const end_fetch& how) {
  const auto found = providers_.find(id);
  if (found == providers_.end()) return;
  auto& one = found->second;
  const auto add = [&](auto& family, auto& kept, const char* label, const std::string& what,
                       double number) {
    auto with = labels(id, one);
    with.emplace(label, what);
    auto* counter = &family.Add(with);
    if (!std::ranges::contains(kept, counter)) kept.push_back(counter);
    counter->Increment(number);
  };
  const std::string outcome = !how.failure.empty() ? how.failure
                              : how.not_modified   ? "unchanged"
                                                   : "ok";
  add(fetches_, one.fetches, "outcome", outcome, 1);
  add(events_, one.events, "what", "seen", static_cast<double>(how.events));
  add(events_, one.events, "what", "rejected", static_cast<double>(how.rejected));
  add(events_, one.events, "what", "changed", static_cast<double>(how.changed));
  if (how.failure.empty()) succeeded(id, one, now());
}

void fetch_probe::forget(const uuid& id) {
  if (const auto gone = providers_.extract(id)) remove(gone.mapped());
}

void fetch_probe::forget_all() {
  for (const auto& [id, one] : std::exchange(providers_, {})) remove(one);
}

void fetch_probe::remove(const series& gone) {
  for (auto* counter : gone.fetches) fetches_.Remove(counter);
  for (auto* counter : gone.events) events_.Remove(counter);
  if (gone.success) success_.Remove(gone.success);
}

} // namespace troupe
