#include "gateway/http/parser.hpp"

#include <optional>

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/error.hpp>

namespace troupe::gateway::http {

namespace beast_http = boost::beast::http;

namespace {

/// How much is set aside for a body at once; a claimed length alone takes no memory.
constexpr std::uint64_t first_reserve = 16 * 1024;

method method_of(beast_http::verb verb) noexcept {
  switch (verb) {
    case beast_http::verb::get: return method::get;
    case beast_http::verb::head: return method::head;
    case beast_http::verb::post: return method::post;
    case beast_http::verb::put: return method::put;
    case beast_http::verb::patch: return method::patch;
    case beast_http::verb::delete_: return method::delete_;
    case beast_http::verb::options: return method::options;
    default: return method::other;
  }
}

bool equal_folded(std::string_view text, std::string_view lower) noexcept {
  if (text.size() != lower.size()) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if (c != lower[i]) return false;
  }
  return true;
}

std::optional<field> field_of(beast_http::field known, std::string_view name) noexcept {
  switch (known) {
    case beast_http::field::accept: return field::accept;
    case beast_http::field::accept_encoding: return field::accept_encoding;
    case beast_http::field::access_control_request_headers:
      return field::access_control_request_headers;
    case beast_http::field::access_control_request_method:
      return field::access_control_request_method;
    case beast_http::field::authorization: return field::authorization;
    case beast_http::field::content_encoding: return field::content_encoding;
    case beast_http::field::content_type: return field::content_type;
    case beast_http::field::expect: return field::expect;
    case beast_http::field::host: return field::host;
    case beast_http::field::if_match: return field::if_match;
    case beast_http::field::if_none_match: return field::if_none_match;
    case beast_http::field::origin: return field::origin;
    case beast_http::field::unknown: break;
    default: return std::nullopt;
  }
  switch (name.size()) { // those Beast has no name for
    case 10:
      if (equal_folded(name, "tracestate")) return field::tracestate;
      break;
    case 11:
      if (equal_folded(name, "traceparent")) return field::traceparent;
      break;
    case 12:
      if (equal_folded(name, "x-request-id")) return field::x_request_id;
      break;
    case 15:
      if (equal_folded(name, "idempotency-key")) return field::idempotency_key;
      break;
    default: break;
  }
  return std::nullopt;
}

/// `http://host/path` is `/path` (RFC 9112, 3.2.2).
std::string_view origin_form(std::string_view target) noexcept {
  if (!target.empty() && target.front() == '/') return target;
  auto scheme = target.find("://");
  if (scheme == std::string_view::npos || scheme > 5) return target;
  auto slash = target.find('/', scheme + 3);
  return slash == std::string_view::npos ? std::string_view{"/"} : target.substr(slash);
}

} // namespace

request_parser::request_parser(request& out, std::string& body, std::uint32_t max_header,
                               std::uint64_t max_body)
  : out_(out), body_(body) {
  header_limit(max_header);
  body_limit(max_body);
  eager(true);
}

boost::system::error_code request_parser::read_header(std::string_view header) {
  header_ = header;
  error_code ec;
  put(boost::asio::buffer(header.data(), header.size()), ec);
  if (ec == beast_http::error::need_more) ec = {}; // the body
  if (!ec && !is_header_done()) ec = beast_http::error::partial_message;
  header_done_ = true;
  if (!ec) out_.keep_alive = keep_alive();
  return ec;
}

boost::system::error_code request_parser::read_body(std::string_view bytes, std::size_t& used) {
  error_code ec;
  used = put(boost::asio::buffer(bytes.data(), bytes.size()), ec);
  if (ec == beast_http::error::need_more) ec = {};
  return ec;
}

void request_parser::on_request_impl(beast_http::verb verb, view verb_text, view target,
                                     int version, error_code& ec) {
  out_.verb = method_of(verb);
  out_.verb_text = {verb_text.data(), verb_text.size()};
  out_.target = origin_form({target.data(), target.size()});
  auto mark = out_.target.find('?');
  out_.path = out_.target.substr(0, mark);
  out_.query = mark == std::string_view::npos ? std::string_view{} : out_.target.substr(mark + 1);
  out_.http_1_0 = version == 10;
  if (version != 10 && version != 11) ec = beast_http::error::bad_version;
}

void request_parser::on_field_impl(beast_http::field name, view name_text, view value,
                                   error_code& ec) {
  if (header_done_) return; // trailers say nothing to us
  std::string_view text{value.data(), value.size()};
  // A folded value is not part of the header's text: folding is obsolete (RFC 9112, 5.2).
  if (!text.empty() && (text.data() < header_.data() ||
                        text.data() + text.size() > header_.data() + header_.size())) {
    ec = beast_http::error::bad_value;
    return;
  }
  // Where a body of any other coding ends, nobody knows (RFC 9112, 6.3).
  if (name == beast_http::field::transfer_encoding && !equal_folded(text, "chunked")) {
    ec = beast_http::error::bad_transfer_encoding;
    return;
  }
  auto known = field_of(name, {name_text.data(), name_text.size()});
  if (!known) return;
  auto at = static_cast<unsigned>(*known);
  if (out_.present >> at & 1) out_.repeated |= 1u << at;
  out_.present |= 1u << at;
  out_.fields[at] = text;
}

void request_parser::on_body_init_impl(boost::optional<std::uint64_t> const& size, error_code&) {
  if (size) body_.reserve(static_cast<std::size_t>(std::min(*size, first_reserve)));
}

std::size_t request_parser::on_body_impl(view bytes, error_code&) {
  body_.append(bytes.data(), bytes.size());
  return bytes.size();
}

std::size_t request_parser::on_chunk_body_impl(std::uint64_t, view bytes, error_code&) {
  body_.append(bytes.data(), bytes.size());
  return bytes.size();
}

failure failure_of(const boost::system::error_code& ec) {
  using beast_http::error;
  if (ec == error::body_limit) return {errc::body_too_large, "the body is too large", {}, {}};
  if (ec == error::header_limit) return {errc::header_too_large, "the header is too large", {}, {}};
  std::string_view what = "this is not an HTTP request";
  if (ec == error::bad_method)
    what = "the method is not valid";
  else if (ec == error::bad_target)
    what = "the target is not valid";
  else if (ec == error::bad_version)
    what = "only HTTP/1.0 and HTTP/1.1 are spoken here";
  else if (ec == error::bad_field)
    what = "a header field's name is not valid";
  else if (ec == error::bad_value)
    what = "a header field's value is not valid";
  else if (ec == error::bad_content_length || ec == error::multiple_content_length)
    what = "Content-Length is not valid";
  else if (ec == error::bad_transfer_encoding)
    what = "Transfer-Encoding is not valid";
  else if (ec == error::bad_chunk || ec == error::bad_chunk_extension)
    what = "a chunk is not valid";
  else if (ec == error::partial_message || ec == error::end_of_stream)
    what = "the request ends before it is complete";
  return {errc::malformed_request, std::string{what}, {}, {}};
}

} // namespace troupe::gateway::http
