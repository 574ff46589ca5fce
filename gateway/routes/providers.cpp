#include <algorithm>

#include "actors/api/event_index.hpp"
#include "gateway/route.hpp"
#include "gateway/routes/accounts.hpp"
#include "gateway/routes/provider_views.hpp"

namespace troupe::gateway {

// Not in the unnamed namespace: their members' names are found by an external symbol.
struct provider_position {
  uuid id;
};
struct change_position {
  std::int64_t version = 0;
};

namespace {

std::optional<std::string> unless_empty(std::string text) {
  return text.empty() ? std::nullopt : std::optional{std::move(text)};
}

views::provider view_of(provider_seen&& seen) {
  auto& f = seen.fetch;
  return {seen.id,
          std::move(seen.name),
          std::move(seen.url),
          unless_empty(std::move(seen.format)),
          seen.interval_s,
          std::move(seen.time_zone),
          seen.paused,
          seen.created_at,
          {f.running, std::move(seen.circuit), f.started_at, f.finished_at, f.succeeded_at,
           f.failures, unless_empty(std::move(f.failure)), unless_empty(std::move(f.detail)),
           f.not_modified, unless_empty(std::move(f.format)), f.bytes, f.events, f.rejected,
           f.changed, f.took_ms}};
}

void reply_provider(context& c, std::uint16_t status, provider_seen&& seen) {
  c.version(seen.version);
  c.reply(status, view_of(std::move(seen)));
}

/// Gives the field that a shard found wrong its place.
std::unexpected<failure> with_field(failure why) {
  if (const auto space = why.detail.find(' '); why.code == errc::invalid_field &&
                                               why.detail.starts_with('/') &&
                                               space != std::string::npos) {
    why.fields = {{why.detail.substr(0, space), why.detail.substr(space + 1)}};
    why.detail.clear();
  }
  return std::unexpected(std::move(why));
}

task<result<void>> post_provider(context& c) {
  auto request = c.body<views::new_provider>();
  if (!request) co_return std::unexpected(std::move(request.error()));
  create_provider wanted;
  // A repeated request must come to the same shard, so the operation names the provider.
  wanted.id = c.op_id();
  wanted.name = std::move(request->name);
  wanted.url = std::move(request->url);
  wanted.format = std::move(request->format).value_or("");
  wanted.interval_s = request->interval_s.value_or(views::default_interval_s);
  wanted.time_zone = std::move(request->time_zone).value_or(std::string{views::default_time_zone});
  wanted.paused = request->paused.value_or(false);
  const auto id = wanted.id;
  auto created = co_await c.ask<provider_actor>(id, c.make_call(), std::move(wanted));
  if (!created) co_return with_field(std::move(created.error()));
  c.replayed(created->replayed);
  c.location("/v1/providers/" + to_string(id));
  reply_provider(c, 201, std::move(created->value));
  co_return result<void>{};
}

/// Every shard is asked, one after the other: there are few, and operators ask seldom.
task<result<void>> get_providers(context& c) {
  auto query = c.query<views::page_request>();
  if (!query) co_return std::unexpected(std::move(query.error()));
  auto after = c.position<provider_position>(query->cursor);
  if (!after) co_return std::unexpected(std::move(after.error()));
  const auto limit = query->limit.value_or(views::default_limit);
  std::vector<provider_seen> all;
  const auto shards = c.node().routes.shard_count(family::provider);
  for (std::int32_t shard = 0; shard < static_cast<std::int32_t>(shards); ++shard) {
    auto some = co_await c.ask_at<provider_actor>(shard, c.make_read(), list_providers{});
    if (!some) co_return std::unexpected(std::move(some.error()));
    std::ranges::move(some->items, std::back_inserter(all));
  }
  std::ranges::sort(all, {}, &provider_seen::id);
  auto from = *after ? std::ranges::upper_bound(all, (*after)->id, {}, &provider_seen::id)
                     : all.begin();
  views::provider_page page;
  uuid last;
  for (; from != all.end() && page.items.size() < limit; ++from) {
    last = from->id;
    page.items.push_back(view_of(std::move(*from)));
  }
  if (from != all.end()) page.next = c.next_page(provider_position{last}, limit);
  c.reply(200, page);
  co_return result<void>{};
}

task<result<void>> get_provider(context& c) {
  const auto id = c.path_id(0);
  if (!id) co_return fail(errc::no_such_provider);
  auto seen = co_await c.ask<provider_actor>(*id, c.make_read(), read_provider{*id});
  if (!seen) co_return std::unexpected(std::move(seen.error()));
  c.no_store();
  c.reply(200, view_of(std::move(*seen)));
  co_return result<void>{};
}

/// What If-Match wants: one version of this provider, or none at all.
std::optional<std::int64_t> wanted_version(const context& c) {
  if (!c.request().has(http::field::if_match)) return std::nullopt;
  const auto wanted = c.if_match();
  if (wanted.any) return std::nullopt;
  return wanted.versions.size() == 1 ? wanted.versions.front() : 0; // versions start at 1
}

task<result<void>> patch_provider(context& c) {
  const auto id = c.path_id(0);
  if (!id) co_return fail(errc::no_such_provider);
  auto request = c.body<views::provider_change>();
  if (!request) co_return std::unexpected(std::move(request.error()));
  change_provider change;
  change.id = *id;
  change.name = std::move(request->name);
  change.url = std::move(request->url);
  change.format = std::move(request->format);
  change.interval_s = request->interval_s;
  change.time_zone = std::move(request->time_zone);
  change.paused = request->paused;
  change.if_version = wanted_version(c);
  auto changed = co_await c.ask<provider_actor>(*id, c.make_call(), std::move(change));
  if (!changed) co_return with_field(std::move(changed.error()));
  c.replayed(changed->replayed);
  reply_provider(c, 200, std::move(changed->value));
  co_return result<void>{};
}

task<result<void>> delete_one_provider(context& c) {
  const auto id = c.path_id(0);
  if (!id) co_return fail(errc::no_such_provider);
  auto deleted = co_await c.ask<provider_actor>(*id, c.make_call(),
                                                delete_provider{*id, wanted_version(c)});
  if (!deleted) co_return std::unexpected(std::move(deleted.error()));
  c.replayed(deleted->replayed);
  c.reply_empty(204);
  co_return result<void>{};
}

task<result<void>> post_fetch(context& c) {
  const auto id = c.path_id(0);
  if (!id) co_return fail(errc::no_such_provider);
  auto seen = co_await c.ask<provider_actor>(*id, c.make_read(), fetch_provider{*id});
  if (!seen) co_return std::unexpected(std::move(seen.error()));
  const auto status = seen->fetch.running ? std::uint16_t{202} : std::uint16_t{200};
  c.reply(status, view_of(std::move(*seen)).fetch);
  co_return result<void>{};
}

task<result<void>> get_rejects(context& c) {
  const auto id = c.path_id(0);
  if (!id) co_return fail(errc::no_such_provider);
  auto found = co_await c.ask<provider_actor>(*id, c.make_read(), read_rejects{*id});
  if (!found) co_return std::unexpected(std::move(found.error()));
  views::rejects out;
  for (auto& one : found->items)
    out.items.push_back({unless_empty(std::move(one.base_id)), unless_empty(std::move(one.id)),
                         std::move(one.reason), one.line});
  c.no_store();
  c.reply(200, out);
  co_return result<void>{};
}

task<result<void>> get_answer(context& c) {
  const auto id = c.path_id(0);
  if (!id) co_return fail(errc::no_such_provider);
  auto query = c.query<views::answer_request>();
  if (!query) co_return std::unexpected(std::move(query.error()));
  const auto place = query->piece.value_or(0);
  auto found = co_await c.ask<provider_actor>(*id, c.make_read(), read_answer_piece{*id, place});
  if (!found) co_return std::unexpected(std::move(found.error()));
  c.no_store();
  if (found->more)
    c.link_next("/v1/providers/" + to_string(*id) + "/answer?piece=" + std::to_string(place + 1));
  c.reply_packed(200, std::move(found->bytes));
  co_return result<void>{};
}

std::optional<double> in_whole(const std::optional<std::int64_t>& units) {
  return units ? std::optional{static_cast<double>(*units) / 10'000} : std::nullopt;
}

task<result<void>> get_history(context& c) {
  const auto id = c.path_id(0);
  auto query = c.query<views::page_request>();
  if (!query) co_return std::unexpected(std::move(query.error()));
  if (!id) co_return fail(errc::no_such_event);
  // Its provider tells the shard; only what the search shows has a history for everybody.
  const auto index = c.node().events.current();
  const auto* event = index->find(*id);
  if (!event) co_return fail(errc::no_such_event);
  c.bind_cursor(to_string(*id));
  auto after = c.position<change_position>(query->cursor);
  if (!after) co_return std::unexpected(std::move(after.error()));
  read_event_history wanted;
  wanted.provider_id = event->provider_id;
  wanted.event_id = *id;
  wanted.limit = query->limit.value_or(views::default_limit);
  if (*after) wanted.before = (*after)->version;
  const auto limit = wanted.limit;
  auto found = co_await c.ask<provider_actor>(event->provider_id, c.make_read(), std::move(wanted));
  if (!found) co_return std::unexpected(std::move(found.error()));
  views::event_history out;
  for (auto& one : found->items) {
    auto& v = one.values;
    out.items.push_back({one.version, one.at, std::move(one.changed), std::move(v.title),
                         std::move(v.starts_at), std::move(v.ends_at), v.online, v.sold_out,
                         v.in_feed, in_whole(v.min_price), in_whole(v.max_price), v.zones});
  }
  if (found->more && !out.items.empty())
    out.next = c.next_page(change_position{out.items.back().version}, limit);
  c.reply(200, out);
  co_return result<void>{};
}

} // namespace

std::vector<route> provider_routes() {
  return {
    {.verb = http::method::post,
     .path = "/v1/providers",
     .id = "createProvider",
     .tag = "Providers",
     .summary = "Add a provider of events",
     .description = "It is fetched at once, and then every `interval_s` seconds.",
     .roles = only(role::operator_),
     .takes = request_body::described,
     .body = &shape_of<views::new_provider>(),
     .answers = {{201, "The new provider", &shape_of<views::provider>(), true}},
     .problems = {errc::limit_reached},
     .handle = post_provider},
    {.verb = http::method::get,
     .path = "/v1/providers",
     .id = "listProviders",
     .tag = "Providers",
     .summary = "List the providers of events",
     .description = "Ascending by id.",
     .roles = only(role::operator_),
     .query = &shape_of<views::page_request>(),
     .answers = {{200, "A page of providers", &shape_of<views::provider_page>()}},
     .problems = {},
     .paged = true,
     .handle = get_providers},
    {.verb = http::method::get,
     .path = "/v1/providers/{provider_id}",
     .id = "readProvider",
     .tag = "Providers",
     .summary = "Read a provider and what its fetches have come to",
     .description = "",
     .roles = only(role::operator_),
     .answers = {{200, "The provider", &shape_of<views::provider>()}},
     .problems = {errc::no_such_provider},
     .handle = get_provider},
    {.verb = http::method::patch,
     .path = "/v1/providers/{provider_id}",
     .id = "changeProvider",
     .tag = "Providers",
     .summary = "Change a provider",
     .description = "What is not named stays.",
     .roles = only(role::operator_),
     .takes = request_body::described,
     .body = &shape_of<views::provider_change>(),
     .answers = {{200, "The provider", &shape_of<views::provider>()}},
     .problems = {errc::no_such_provider},
     .versioned = true,
     .handle = patch_provider},
    {.verb = http::method::delete_,
     .path = "/v1/providers/{provider_id}",
     .id = "deleteProvider",
     .tag = "Providers",
     .summary = "Remove a provider",
     .description = "It is fetched no more and the search no longer shows its events.",
     .roles = only(role::operator_),
     .answers = {{204, "The provider is gone", nullptr}},
     .problems = {errc::no_such_provider},
     .versioned = true,
     .handle = delete_one_provider},
    {.verb = http::method::post,
     .path = "/v1/providers/{provider_id}/fetch",
     .id = "fetchProvider",
     .tag = "Providers",
     .summary = "Fetch a provider now",
     .description = "Joins the fetch that runs, if one does.",
     .roles = only(role::operator_),
     .answers = {{200, "The fetch has ended, however", &shape_of<views::fetch_report>()},
                 {202, "It still runs", &shape_of<views::fetch_report>()}},
     .problems = {errc::no_such_provider},
     .handle = post_fetch},
    {.verb = http::method::get,
     .path = "/v1/providers/{provider_id}/rejects",
     .id = "listRejects",
     .tag = "Providers",
     .summary = "List the events of the last answer that were left out, and why",
     .description = "The first 1,000 of them.",
     .roles = only(role::operator_),
     .answers = {{200, "The rejected events", &shape_of<views::rejects>()}},
     .problems = {errc::no_such_provider},
     .handle = get_rejects},
    {.verb = http::method::get,
     .path = "/v1/providers/{provider_id}/answer",
     .id = "readAnswer",
     .tag = "Providers",
     .summary = "Download the provider's last whole answer as it came",
     .description =
       "Packed with gzip, in pieces: one after the other, as their Link fields have it, they make one file."
       " Not found: nothing was fetched yet, or the answer was over 64 MiB when packed."
       " While a fetch stores another answer, pieces of both may come: they do not unpack; ask again.",
     .roles = only(role::operator_),
     .query = &shape_of<views::answer_request>(),
     .answers = {{200, "A piece of the answer"}},
     .problems = {errc::not_found},
     .media = "application/gzip",
     .handle = get_answer},
    {.verb = http::method::get,
     .path = "/v1/events/{event_id}/history",
     .id = "listEventHistory",
     .tag = "Events",
     .summary = "List the changes of an event",
     .description = "Newest first.",
     .roles = nobody_in_particular,
     .query = &shape_of<views::page_request>(),
     .answers = {{200, "A page of changes", &shape_of<views::event_history>()}},
     .problems = {errc::no_such_event},
     .paged = true,
     .handle = get_history},
  };
}

} // namespace troupe::gateway
