#include <limits>

#include "gateway/problem.hpp"
#include "gateway/route.hpp"
#include "gateway/routes/accounts.hpp"
#include "gateway/routes/event_views.hpp"

namespace troupe::gateway {

namespace {

/// Events are dated in whole seconds: one that starts at 12:00:00 starts not after 12:00:00.5, and
/// one that ends then ends not before it.
std::chrono::sys_seconds seconds_from(timestamp t) {
  return std::chrono::ceil<std::chrono::seconds>(
    std::chrono::sys_time<std::chrono::milliseconds>{std::chrono::milliseconds{t.unix_ms}});
}
std::chrono::sys_seconds seconds_until(timestamp t) {
  return std::chrono::floor<std::chrono::seconds>(
    std::chrono::sys_time<std::chrono::milliseconds>{std::chrono::milliseconds{t.unix_ms}});
}

template <class View>
event_query query_of(const View& view) {
  event_query query;
  if (view.starts_at) query.starts_at = seconds_from(*view.starts_at);
  if (view.ends_at) query.ends_at = seconds_until(*view.ends_at);
  return query;
}

/// In the form that the contract has for what is wrong.
void reply_search_error(context& c, const failure& why) {
  const auto& kind = problem_of(why.code);
  std::string message{why.detail.empty() ? kind.title : std::string_view{why.detail}};
  for (const auto& field : why.fields)
    message.append(message.empty() ? "" : "; ")
      .append(field.pointer)
      .append(" ")
      .append(field.detail);
  std::string body = "{\"error\":{\"code\":";
  append_json_string(body, kind.slug);
  body += ",\"message\":";
  append_json_string(body, message);
  c.reply_raw(400, body + "},\"data\":null}");
}

task<result<void>> get_search(context& c) {
  auto view = c.query<views::event_search>();
  if (!view) {
    reply_search_error(c, view.error());
    co_return result<void>{};
  }
  if (!c.node().events.loaded())
    co_return std::unexpected(failure{errc::shard_unavailable, {}, {}, 1});
  const auto index = c.node().events.current();
  std::string body = "{\"data\":{\"events\":[";
  index->search(query_of(*view), std::nullopt, std::numeric_limits<std::size_t>::max(), body);
  c.version(static_cast<std::int64_t>(index->version()));
  c.reply_raw(200, body += "]},\"error\":null}");
  co_return result<void>{};
}

task<result<void>> get_event_page(context& c) {
  auto view = c.query<views::event_page_search>();
  if (!view) co_return std::unexpected(std::move(view.error()));
  if (!c.node().events.loaded())
    co_return std::unexpected(failure{errc::shard_unavailable, {}, {}, 1});
  auto query = query_of(*view);
  if (view->provider) {
    query.provider_id = parse_uuid(*view->provider);
    if (!query.provider_id) query.provider = view->provider;
  }
  query.title = view->title;
  query.available = view->available;
  std::string binding;
  auto bind = [&](std::string_view name, const std::optional<std::string>& value) {
    if (value) binding.append(name).append("=").append(*value).append("\n");
  };
  bind("from", view->starts_at ? std::optional{to_string(*view->starts_at)} : std::nullopt);
  bind("to", view->ends_at ? std::optional{to_string(*view->ends_at)} : std::nullopt);
  bind("provider", view->provider);
  bind("title", view->title);
  bind("available",
       view->available ? std::optional<std::string>{*view->available ? "1" : "0"} : std::nullopt);
  c.bind_cursor(std::move(binding));
  auto after = c.position<event_position>(view->cursor);
  if (!after) co_return std::unexpected(std::move(after.error()));
  const auto limit = view->limit.value_or(views::default_limit);
  const auto index = c.node().events.current();
  std::string body = "{\"data\":{\"events\":[";
  const auto more = index->search(query, *after, limit, body);
  body += "]},\"error\":null,\"next\":";
  if (more)
    append_json_string(body, c.next_page(*more, limit));
  else
    body += "null";
  c.version(static_cast<std::int64_t>(index->version()));
  c.reply_raw(200, body += '}');
  co_return result<void>{};
}

} // namespace

std::vector<route> event_routes() {
  return {
    {.verb = http::method::get,
     .path = "/search",
     .id = "searchEvents",
     .tag = "Events",
     .summary = "Lists the available events on a time range",
     .description =
       "Events that were ever on sale online, with their latest known values, by start.",
     .roles = nobody_in_particular,
     .query = &shape_of<views::event_search>(),
     .answers = {{200, "The events", &shape_of<views::search_answer>()},
                 {400, "The request was not correctly formed", &shape_of<views::search_refused>()}},
     .problems = {errc::shard_unavailable},
     .versioned = true,
     .own_errors = true,
     .handle = get_search},
    {.verb = http::method::get,
     .path = "/v1/events/search",
     .id = "searchEventPages",
     .tag = "Events",
     .summary = "Search events, page by page",
     .description = "By start, then by id.",
     .roles = nobody_in_particular,
     .query = &shape_of<views::event_page_search>(),
     .answers = {{200, "A page of events", &shape_of<views::search_page>()}},
     .problems = {errc::shard_unavailable},
     .paged = true,
     .versioned = true,
     .handle = get_event_page},
  };
}

} // namespace troupe::gateway
