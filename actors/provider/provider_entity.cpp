#include "actors/provider/provider_entity.hpp"

#include <algorithm>

#include "actors/provider/circuit.hpp"
#include "base/msgpack.hpp"

namespace troupe {

namespace {

local_time local(std::int64_t seconds) { return local_time{std::chrono::seconds{seconds}}; }
std::int64_t number(local_time time) { return time.time_since_epoch().count(); }

std::optional<local_time> local(const std::optional<std::int64_t>& seconds) {
  return seconds ? std::optional{local(*seconds)} : std::nullopt;
}
std::optional<std::int64_t> number(const std::optional<local_time>& time) {
  return time ? std::optional{number(*time)} : std::nullopt;
}

std::optional<price_range> range(const std::optional<std::int64_t>& min,
                                 const std::optional<std::int64_t>& max) {
  if (!min || !max) return std::nullopt;
  return price_range{{*min}, {*max}};
}

known_event known(const event_record& row) {
  event_summary s;
  s.title = row.title;
  s.organizer_id = row.organizer_id;
  s.starts_at = local(row.starts_at);
  s.ends_at = local(row.ends_at);
  s.sell_from = local(row.sell_from);
  s.sell_to = local(row.sell_to);
  s.sold_out = row.sold_out;
  s.online = row.online;
  s.prices = range(row.min_price, row.max_price);
  s.available_prices = range(row.min_available_price, row.max_available_price);
  s.zone_count = static_cast<std::uint32_t>(row.zone_count);
  s.zones = row.zones_digest;
  s.content = row.content_digest;
  s.ever_online = row.ever_online;
  s.in_feed = row.in_feed;
  s.first_seen_at = row.first_seen_at;
  s.changed_at = row.changed_at;
  s.version = static_cast<std::uint64_t>(row.version);
  return {row.id, std::move(s)};
}

event_values values_of(const event_summary& s) {
  event_values v;
  v.title = s.title;
  v.starts_at = to_string(s.starts_at);
  v.ends_at = to_string(s.ends_at);
  v.online = s.online;
  v.sold_out = s.sold_out;
  v.in_feed = s.in_feed;
  if (s.prices) {
    v.min_price = s.prices->min.units;
    v.max_price = s.prices->max.units;
  }
  v.zones = s.zone_count;
  return v;
}

/// The rows of one changed event.
void add_rows(std::vector<row_change>& rows, const uuid& provider, const event_key& key,
              const known_event& event, const std::vector<std::string>& changed, std::int64_t seq,
              std::optional<std::string> zones) {
  std::string names;
  for (const auto& name : changed) names += (names.empty() ? "" : " ") + name;
  rows.emplace_back(put_event_change{{event.id, static_cast<std::int64_t>(event.summary.version),
                                      event.summary.changed_at, std::move(names),
                                      to_msgpack(values_of(event.summary))}});
  rows.emplace_back(put_event{record_of(provider, key, event, seq), std::move(zones)});
}

struct changed_event {
  event_key key;
  known_event event;
};

auto take_over(uuid id, std::vector<changed_event> fresh, std::int64_t seq) {
  return [id, fresh = std::move(fresh), seq](std::optional<providers_entity>& all) mutable {
    all->last_seq = std::max(all->last_seq, seq);
    auto* provider = all->find(id);
    if (!provider) return;
    for (auto& one : fresh)
      provider->events.insert_or_assign(std::move(one.key), std::move(one.event));
  };
}

/// The effect of another row for one provider.
template <class Answer>
providers_effect<Answer> put(Answer answer, known_provider changed, bool with_progress) {
  providers_effect<Answer> done;
  done.answer = std::move(answer);
  done.rows.emplace_back(put_provider{changed.record});
  if (with_progress)
    done.rows.emplace_back(
      put_provider_progress{{changed.record.id, to_msgpack(changed.progress), changed.rejects}});
  done.apply = [record = changed.record,
                progress = changed.progress](std::optional<providers_entity>& all) {
    all->last_seq = std::max(all->last_seq, record.seq);
    auto& known = all->providers[record.id];
    known.record = record;
    known.progress = progress;
  };
  return done;
}

/// Without its events, which a change of the provider does not touch.
known_provider without_events(const known_provider& provider) {
  return {provider.record, provider.progress, provider.rejects, {}};
}

} // namespace

providers_entity::providers_entity(providers_image loaded) {
  for (auto& row : loaded.providers) {
    last_seq = std::max(last_seq, row.seq);
    providers[row.id].record = std::move(row);
  }
  for (auto& row : loaded.progress) {
    const auto found = providers.find(row.provider_id);
    if (found == providers.end()) continue;
    if (auto progress = from_msgpack<fetch_progress>(row.state))
      found->second.progress = std::move(*progress);
    found->second.rejects = std::move(row.rejects);
  }
  for (auto& row : loaded.events) {
    last_seq = std::max(last_seq, row.seq);
    const auto found = providers.find(row.provider_id);
    if (found == providers.end()) continue;
    event_key key{row.base_id, row.event_id};
    found->second.events.emplace(std::move(key), known(row));
  }
}

const known_provider* providers_entity::find(const uuid& id) const {
  const auto found = providers.find(id);
  return found == providers.end() || found->second.record.deleted ? nullptr : &found->second;
}

known_provider* providers_entity::find(const uuid& id) {
  return const_cast<known_provider*>(std::as_const(*this).find(id));
}

provider_seen view_of(const known_provider& provider) {
  const auto& r = provider.record;
  return {r.id,
          r.name,
          r.url,
          r.format,
          r.interval_s,
          r.time_zone,
          r.paused,
          r.created_at,
          r.version,
          provider.progress,
          std::string{circuit_of(provider.progress)}};
}

event_record record_of(const uuid& provider_id, const event_key& key, const known_event& event,
                       std::int64_t seq) {
  const auto& s = event.summary;
  const auto min = [](const auto& r) { return r ? std::optional{r->min.units} : std::nullopt; };
  const auto max = [](const auto& r) { return r ? std::optional{r->max.units} : std::nullopt; };
  return {.id = event.id,
          .provider_id = provider_id,
          .base_id = key.base_id,
          .event_id = key.id,
          .title = s.title,
          .organizer_id = s.organizer_id,
          .starts_at = number(s.starts_at),
          .ends_at = number(s.ends_at),
          .sell_from = number(s.sell_from),
          .sell_to = number(s.sell_to),
          .sold_out = s.sold_out,
          .online = s.online,
          .ever_online = s.ever_online,
          .in_feed = s.in_feed,
          .min_price = min(s.prices),
          .max_price = max(s.prices),
          .min_available_price = min(s.available_prices),
          .max_available_price = max(s.available_prices),
          .zone_count = static_cast<std::int32_t>(s.zone_count),
          .zones_digest = s.zones,
          .content_digest = s.content,
          .first_seen_at = s.first_seen_at,
          .changed_at = s.changed_at,
          .version = static_cast<std::int64_t>(s.version),
          .seq = seq};
}

// -- providers --------------------------------------------------------------------------------------

result<providers_effect<provider_seen>> decide(const providers_entity* all,
                                               const create_provider& request) {
  if (all->providers.size() >= max_providers_per_shard)
    return fail(errc::limit_reached, "There are as many providers as there may be.");
  known_provider fresh;
  fresh.record = {.id = request.id,
                  .name = request.name,
                  .url = request.url,
                  .format = request.format,
                  .interval_s = request.interval_s,
                  .time_zone = request.time_zone,
                  .paused = request.paused,
                  .created_at = now(),
                  .seq = all->last_seq + 1};
  auto answer = view_of(fresh);
  return put(std::move(answer), std::move(fresh), true);
}

result<providers_effect<provider_seen>> decide(const providers_entity* all,
                                               const change_provider& request) {
  const auto* known = all->find(request.id);
  if (!known) return fail(errc::no_such_provider);
  if (request.if_version && *request.if_version != known->record.version)
    return fail(errc::precondition_failed);
  auto changed = without_events(*known);
  auto& r = changed.record;
  bool other_feed = false;
  auto set = [](auto& member, const auto& value) {
    if (!value || member == *value) return false;
    member = *value;
    return true;
  };
  other_feed |= set(r.url, request.url);
  other_feed |= set(r.format, request.format);
  bool any = other_feed;
  any |= set(r.name, request.name);
  any |= set(r.interval_s, request.interval_s);
  any |= set(r.time_zone, request.time_zone);
  any |= set(r.paused, request.paused);
  if (!any) return providers_effect<provider_seen>{view_of(*known), {}};
  if (other_feed) {
    changed.progress.etag.clear();
    changed.progress.last_modified.clear();
    changed.progress.failures = 0;
  }
  ++r.version;
  r.seq = all->last_seq + 1;
  auto answer = view_of(changed);
  return put(std::move(answer), std::move(changed), other_feed);
}

result<providers_effect<provider_deleted>> decide(const providers_entity* all,
                                                  const delete_provider& request) {
  const auto* known = all->find(request.id);
  if (!known) return fail(errc::no_such_provider);
  if (request.if_version && *request.if_version != known->record.version)
    return fail(errc::precondition_failed);
  auto changed = without_events(*known);
  changed.record.deleted = true;
  changed.progress.running = false;
  ++changed.record.version;
  changed.record.seq = all->last_seq + 1;
  auto done = put(provider_deleted{}, std::move(changed), true);
  done.rows.emplace_back(delete_answer{request.id});
  return done;
}

// -- fetches ----------------------------------------------------------------------------------------

result<providers_effect<events_stored>> decide(const providers_entity* all,
                                               const store_events& request, timestamp now) {
  const auto* known = all->find(request.provider_id);
  if (!known) return fail(errc::no_such_provider);
  providers_effect<events_stored> done;
  std::vector<changed_event> fresh;
  auto seq = all->last_seq;
  for (const auto& seen : request.events) {
    event_key key{seen.base_id, seen.id};
    const auto found = known->events.find(key);
    const auto* before = found == known->events.end() ? nullptr : &found->second;
    auto after = merge(before ? &before->summary : nullptr, seen, now);
    if (after.changed.empty()) continue;
    if (!before && known->events.size() + fresh.size() >= max_events_per_provider)
      return fail(errc::limit_reached, "The provider has as many events as it may have.");
    known_event event{before ? before->id : make_uuid_v7(), std::move(after.state)};
    const bool zones = !before || before->summary.zones != event.summary.zones;
    add_rows(done.rows, request.provider_id, key, event, after.changed, ++seq,
             zones ? std::optional{to_msgpack(seen.zones)} : std::nullopt);
    fresh.push_back({std::move(key), std::move(event)});
  }
  done.answer.changed = static_cast<std::uint32_t>(fresh.size());
  done.apply = take_over(request.provider_id, std::move(fresh), seq);
  return done;
}

result<providers_effect<events_stored>> decide_left(const providers_entity* all, const uuid& id,
                                                    std::span<const event_key> gone,
                                                    timestamp now) {
  const auto* known = all->find(id);
  if (!known) return fail(errc::no_such_provider);
  providers_effect<events_stored> done;
  std::vector<changed_event> fresh;
  auto seq = all->last_seq;
  for (const auto& key : gone) {
    const auto found = known->events.find(key);
    if (found == known->events.end()) continue;
    auto after = leave_feed(found->second.summary, now);
    if (after.changed.empty()) continue;
    known_event event{found->second.id, std::move(after.state)};
    add_rows(done.rows, id, key, event, after.changed, ++seq, std::nullopt);
    fresh.push_back({key, std::move(event)});
  }
  done.answer.changed = static_cast<std::uint32_t>(fresh.size());
  done.apply = take_over(id, std::move(fresh), seq);
  return done;
}

result<providers_effect<events_stored>> decide(const providers_entity* all,
                                               const keep_answer& request) {
  if (!all->find(request.provider_id)) return fail(errc::no_such_provider);
  providers_effect<events_stored> done;
  if (request.place == 0) done.rows.emplace_back(delete_answer{request.provider_id});
  if (!request.bytes.empty())
    done.rows.emplace_back(put_answer_piece{request.provider_id, request.place, request.bytes});
  return done;
}

result<providers_effect<provider_seen>> decide(const providers_entity* all,
                                               const end_fetch& request, timestamp now) {
  const auto* known = all->find(request.provider_id);
  if (!known) return fail(errc::no_such_provider);
  auto changed = without_events(*known);
  auto& p = changed.progress;
  p.running = false;
  p.started_at = request.started_at;
  p.finished_at = now;
  p.failure = request.failure;
  p.detail = request.detail;
  p.took_ms = request.took_ms;
  p.changed = request.changed;
  p.not_modified = request.not_modified;
  const bool whole = request.failure.empty() && !request.not_modified;
  if (request.failure.empty()) {
    p.failures = 0;
    p.succeeded_at = now;
  } else {
    ++p.failures;
  }
  if (whole) {
    p.format = request.format;
    p.bytes = request.bytes;
    p.events = request.events;
    p.rejected = request.rejected;
    p.answer_digest = request.answer_digest;
    const auto& record = known->record;
    const bool of_this_feed = request.url == record.url && request.asked_format == record.format;
    p.etag = of_this_feed ? request.etag : std::string{};
    p.last_modified = of_this_feed ? request.last_modified : std::string{};
  }
  providers_effect<provider_seen> done;
  done.answer = view_of(changed);
  auto rejects = whole ? request.rejects : known->rejects;
  done.rows.emplace_back(put_provider_progress{{request.provider_id, to_msgpack(p), rejects}});
  done.apply = [id = request.provider_id, p,
                rejects = std::move(rejects)](std::optional<providers_entity>& hot) {
    auto* found = hot->find(id);
    if (!found) return;
    found->progress = p;
    found->rejects = rejects;
  };
  return done;
}

} // namespace troupe
