#include "persistence/redis/address.hpp"

#include <charconv>
#include <optional>

namespace troupe {

namespace {

std::unexpected<failure> bad(std::string detail) {
  return fail(errc::invalid_field, "Redis URL: " + std::move(detail));
}

template <class Number>
std::optional<Number> parse_number(std::string_view text) {
  Number number{};
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::optional<std::string> percent_decode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '%') {
      out += text[at];
      continue;
    }
    unsigned byte = 0;
    if (at + 2 >= text.size()) return std::nullopt;
    auto [end, error] = std::from_chars(&text[at + 1], &text[at + 1] + 2, byte, 16);
    if (error != std::errc{} || end != &text[at + 1] + 2) return std::nullopt;
    out += static_cast<char>(byte);
    at += 2;
  }
  return out;
}

} // namespace

result<redis_address> parse_redis_url(std::string_view url) {
  redis_address address;
  if (url.find('\0') != std::string_view::npos) return bad("holds a zero byte");
  auto scheme_end = url.find("://");
  if (scheme_end == std::string_view::npos) return bad("has no scheme");
  const auto scheme = url.substr(0, scheme_end);
  auto rest = url.substr(scheme_end + 3);
  if (scheme != "redis" && scheme != "rediss" && scheme != "unix")
    return bad("the scheme is none of redis, rediss, unix");
  address.tls = scheme == "rediss";

  const auto authority_end = rest.find('/');
  if (auto at = rest.substr(0, authority_end).rfind('@'); at != std::string_view::npos) {
    const auto who = rest.substr(0, at);
    rest.remove_prefix(at + 1);
    const auto colon = who.find(':');
    if (colon == std::string_view::npos) return bad("user without a password");
    auto user = percent_decode(who.substr(0, colon));
    auto password = percent_decode(who.substr(colon + 1));
    if (!user || !password) return bad("bad percent-encoding");
    address.user = std::move(*user);
    address.password = std::move(*password);
  }

  if (scheme == "unix") {
    const auto question = rest.find('?');
    address.socket_path = std::string{rest.substr(0, question)};
    address.port = 0;
    if (address.socket_path.empty() || address.socket_path[0] != '/')
      return bad("the socket's path is not absolute");
    if (question == std::string_view::npos) return address;
    const auto query = rest.substr(question + 1);
    if (!query.starts_with("db=")) return bad("unknown parameter");
    const auto database = parse_number<std::uint32_t>(query.substr(3));
    if (!database) return bad("the database is no number");
    address.database = *database;
    return address;
  }

  auto place = rest;
  if (auto slash = rest.find('/'); slash != std::string_view::npos) {
    place = rest.substr(0, slash);
    if (const auto text = rest.substr(slash + 1); !text.empty()) {
      const auto database = parse_number<std::uint32_t>(text);
      if (!database) return bad("the database is no number");
      address.database = *database;
    }
  }
  auto port = std::string_view{};
  if (place.starts_with('[')) {
    const auto end = place.find(']');
    if (end == std::string_view::npos) return bad("no ] after the host");
    address.host = std::string{place.substr(1, end - 1)};
    port = place.substr(end + 1);
  } else {
    const auto colon = place.find(':');
    address.host = std::string{place.substr(0, colon)};
    if (colon != std::string_view::npos) port = place.substr(colon);
  }
  if (address.host.empty()) return bad("has no host");
  if (!port.empty()) {
    const auto number = port[0] == ':' ? parse_number<std::uint16_t>(port.substr(1)) : std::nullopt;
    if (!number || *number == 0) return bad("the port is no number from 1 to 65535");
    address.port = *number;
  }
  return address;
}

std::string to_string(const redis_address& address) {
  if (!address.socket_path.empty())
    return "unix://" + address.socket_path + "?db=" + std::to_string(address.database);
  const bool bracketed = address.host.find(':') != std::string::npos;
  return (address.tls ? "rediss://" : "redis://") +
         (bracketed ? '[' + address.host + ']' : address.host) + ':' +
         std::to_string(address.port) + '/' + std::to_string(address.database);
}

} // namespace troupe
