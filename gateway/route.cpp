#include "gateway/route.hpp"

namespace troupe::gateway {

namespace {

/// Takes the next segment of a path that starts with a slash; false at its end.
bool take_segment(std::string_view& path, std::string_view& segment) noexcept {
  if (path.empty() || path.front() != '/') return false;
  path.remove_prefix(1);
  auto slash = path.find('/');
  segment = path.substr(0, slash);
  path = slash == std::string_view::npos ? std::string_view{} : path.substr(slash);
  return true;
}

constexpr std::uint32_t bit(http::method m) noexcept { return 1u << static_cast<unsigned>(m); }

} // namespace

void route_map::add(const route& added) {
  std::uint32_t at = 0;
  auto path = added.path;
  std::string_view segment;
  while (take_segment(path, segment)) {
    std::uint32_t next = none;
    if (segment.starts_with('{')) {
      next = nodes_[at].any;
      if (next == none) {
        next = static_cast<std::uint32_t>(nodes_.size());
        nodes_[at].any = next;
        nodes_.emplace_back();
      }
    } else {
      for (auto& [name, child] : nodes_[at].children)
        if (name == segment) next = child;
      if (next == none) {
        next = static_cast<std::uint32_t>(nodes_.size());
        nodes_[at].children.emplace_back(segment, next);
        nodes_.emplace_back();
      }
    }
    at = next;
  }
  nodes_[at].routes[static_cast<std::size_t>(added.verb)] = &added;
}

route_map::match route_map::find(http::method verb, std::string_view path) const noexcept {
  match out;
  std::uint32_t at = 0;
  std::size_t parameter = 0;
  std::string_view segment;
  while (take_segment(path, segment)) {
    std::uint32_t next = none;
    for (const auto& [name, child] : nodes_[at].children)
      if (name == segment) {
        next = child;
        break;
      }
    if (next == none && nodes_[at].any != none && !segment.empty() &&
        parameter < max_path_parameters) {
      next = nodes_[at].any;
      out.parameters[parameter++] = segment;
    }
    if (next == none) return {};
    at = next;
  }
  const auto& routes = nodes_[at].routes;
  for (std::size_t m = 0; m < routes.size(); ++m)
    if (routes[m]) out.methods |= 1u << m;
  if (out.methods & bit(http::method::get)) out.methods |= bit(http::method::head);
  out.path_exists = out.methods != 0;
  if (verb == http::method::head) verb = http::method::get;
  if (verb != http::method::other) out.found = routes[static_cast<std::size_t>(verb)];
  return out;
}

std::string allow_field(std::uint32_t methods) {
  methods |= bit(http::method::options);
  std::string out;
  for (unsigned m = 0; m < static_cast<unsigned>(http::method::other); ++m)
    if (methods & (1u << m))
      out.append(out.empty() ? "" : ", ").append(to_string(static_cast<http::method>(m)));
  return out;
}

std::span<const route> all_routes() {
  static const std::vector<route> routes = [] {
    std::vector<route> all;
    for (auto area : {auth_routes, player_routes, library_routes, catalog_routes, studio_routes,
                      publisher_routes, provider_routes, event_routes})
      for (auto& each : area()) all.push_back(std::move(each));
    return all;
  }();
  return routes;
}

} // namespace troupe::gateway
