#include "actors/provider/fetch/provider_url.hpp"

#include <boost/asio/ip/address.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/url.hpp>

#include <algorithm>

#include "actors/provider/fetch/address_rules.hpp"
#include "actors/provider/fetch/fetch.hpp"

namespace troupe::provider {

namespace ip = boost::asio::ip;
namespace urls = boost::urls;

namespace {

constexpr std::size_t longest_url = 2'048;
constexpr std::size_t longest_name = 253; // RFC 1035

std::unexpected<std::string> wrong(std::string why) { return std::unexpected(std::move(why)); }

bool is_name(std::string_view host) noexcept {
  return !host.empty() && host.size() <= longest_name && std::ranges::all_of(host, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_';
  });
}

std::expected<fetch_target, std::string> target_of(urls::url url) {
  url.normalize(); // lower case, no dots in the path
  url.remove_fragment();
  fetch_target out;
  if (url.scheme_id() != urls::scheme::http && url.scheme_id() != urls::scheme::https)
    return wrong("only http and https are fetched");
  out.tls = url.scheme_id() == urls::scheme::https;
  if (url.has_userinfo()) return wrong("a URL may hold no user or password");
  out.host = url.host();
  // One with a zone, such as fe80::1%eth0, means something on this machine only.
  if (url.host_type() == urls::host_type::ipv6 && !out.host.contains('%'))
    out.host = url.host_ipv6_address().to_string();
  else if (!is_name(out.host))
    return wrong("the URL has no host name that could be looked up");
  const auto usual_port = static_cast<std::uint16_t>(out.tls ? 443 : 80);
  out.port = url.port().empty() ? usual_port : url.port_number();
  if (out.port == 0) return wrong("the URL's port is none");
  out.authority = out.host.contains(':') ? '[' + out.host + ']' : out.host;
  if (out.port != usual_port) out.authority += ':' + std::to_string(out.port);
  out.path = url.encoded_target();
  if (!out.path.starts_with('/')) out.path.insert(0, "/");
  out.url = url.buffer();
  return out;
}

} // namespace

std::expected<fetch_target, std::string> parse_url(std::string_view url) {
  if (url.size() > longest_url) return wrong("the URL is longer than 2048 bytes");
  auto parsed = urls::parse_uri(url);
  if (!parsed) return wrong("this is no URL of the form http://host/path");
  return target_of(*parsed);
}

std::expected<fetch_target, std::string> follow(const fetch_target& from,
                                                std::string_view location) {
  if (location.size() > longest_url) return wrong("it leads to a URL longer than 2048 bytes");
  const auto reference = urls::parse_uri_reference(location);
  const auto base = urls::parse_uri(from.url);
  urls::url resolved;
  if (!reference || !base || !urls::resolve(*base, *reference, resolved))
    return wrong("it leads to something that is no URL");
  auto to = target_of(std::move(resolved));
  if (to && from.tls && !to->tls) return wrong("it leads from https to http");
  return to;
}

result<void> validate_provider_url(std::string_view url, bool allow_private) {
  auto target = parse_url(url);
  if (!target) return fail(errc::invalid_field, std::move(target.error()));
  if (allow_private) return {};
  const auto& host = target->host;
  boost::system::error_code no_address;
  const auto address = ip::make_address(host, no_address);
  if (no_address ? host == "localhost" || host.ends_with(".localhost") : !is_public(address))
    return fail(errc::invalid_field, "the URL's host is not on the public Internet");
  return {};
}

} // namespace troupe::provider
