#include "gateway/context.hpp"

namespace troupe::gateway {

namespace {

constexpr std::size_t max_pairs = 64;

} // namespace

result<std::vector<text_pair>> parse_pairs(std::string_view text) {
  std::vector<text_pair> out;
  while (!text.empty()) {
    auto end = text.find('&');
    auto part = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
    if (part.empty()) continue;
    auto equals = part.find('=');
    auto& pair = out.emplace_back();
    bool whole = http::percent_decode(part.substr(0, equals), true, pair.name) &&
                 (equals == std::string_view::npos ||
                  http::percent_decode(part.substr(equals + 1), true, pair.value));
    if (!whole || out.size() > max_pairs || !is_utf8(pair.name) || !is_utf8(pair.value))
      return fail(errc::malformed_request, "the parameters are not valid");
  }
  return out;
}

result<std::vector<text_pair>> context::query_pairs() const { return parse_pairs(request().query); }

result<std::vector<text_pair>> context::form_pairs() const {
  auto pairs = parse_pairs(request().body);
  if (!pairs) return fail(errc::malformed_body, "the body is not valid form data");
  return pairs;
}

std::string context::cursor_bound_to() const {
  std::string out{route_.id};
  out += '\n';
  out += cursor_binding_;
  return out;
}

void context::link_next(std::string_view target) {
  exchange_.out.add("Link", "<" + std::string{target} + ">; rel=\"next\"");
}

void context::link_next_page(std::string_view cursor, std::uint32_t limit) {
  // The same list with its filters as they were sent; cursor and limit are ours and need no
  // escapes.
  std::string link{request().path};
  link.append("?");
  auto query = request().query;
  while (!query.empty()) {
    auto end = query.find('&');
    auto part = query.substr(0, end);
    query = end == std::string_view::npos ? std::string_view{} : query.substr(end + 1);
    auto name = part.substr(0, part.find('='));
    if (!part.empty() && name != "cursor" && name != "limit" &&
        part.find('>') == std::string_view::npos && http::is_field_value(part))
      link.append(part).append("&");
  }
  link.append("limit=").append(std::to_string(limit)).append("&cursor=").append(cursor);
  link_next(link);
}

} // namespace troupe::gateway
