#include "gateway/http/head.hpp"

#include <array>
#include <charconv>

namespace troupe::gateway::http {

namespace {

constexpr std::size_t large_static_body = 16 * 1024;

void append_number(std::string& out, std::size_t number) {
  std::array<char, 20> digits;
  auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), number);
  out.append(digits.data(), end);
}

} // namespace

std::string_view status_text(std::uint16_t status) noexcept {
  switch (status) {
    case 200: return "200 OK";
    case 201: return "201 Created";
    case 202: return "202 Accepted";
    case 204: return "204 No Content";
    case 301: return "301 Moved Permanently";
    case 302: return "302 Found";
    case 303: return "303 See Other";
    case 304: return "304 Not Modified";
    case 307: return "307 Temporary Redirect";
    case 308: return "308 Permanent Redirect";
    case 400: return "400 Bad Request";
    case 401: return "401 Unauthorized";
    case 403: return "403 Forbidden";
    case 404: return "404 Not Found";
    case 405: return "405 Method Not Allowed";
    case 406: return "406 Not Acceptable";
    case 408: return "408 Request Timeout";
    case 409: return "409 Conflict";
    case 412: return "412 Precondition Failed";
    case 413: return "413 Content Too Large";
    case 414: return "414 URI Too Long";
    case 415: return "415 Unsupported Media Type";
    case 422: return "422 Unprocessable Content";
    case 428: return "428 Precondition Required";
    case 429: return "429 Too Many Requests";
    case 431: return "431 Request Header Fields Too Large";
    case 503: return "503 Service Unavailable";
    case 504: return "504 Gateway Timeout";
    default: return "500 Internal Server Error";
  }
}

std::string date_text(std::time_t moment) {
  static constexpr std::array days{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr std::array months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  std::tm parts{};
  gmtime_r(&moment, &parts);
  std::array<char, 40> text;
  int size = std::snprintf(text.data(), text.size(), "%s, %02d %s %04d %02d:%02d:%02d GMT",
                           days[static_cast<std::size_t>(parts.tm_wday)], parts.tm_mday,
                           months[static_cast<std::size_t>(parts.tm_mon)], parts.tm_year + 1900,
                           parts.tm_hour, parts.tm_min, parts.tm_sec);
  return {text.data(), static_cast<std::size_t>(size)};
}

bool append_answer(std::string& out, const request& in, const response& answer,
                   std::string_view date, bool close) {
  auto content = answer.has_body ? answer.content() : std::string_view{};
  out.append("HTTP/1.1 ").append(status_text(answer.status)).append("\r\nDate: ").append(date);
  if (answer.has_body) {
    out.append("\r\nContent-Type: ").append(answer.content_type).append("\r\nContent-Length: ");
    append_number(out, content.size());
  } else if (answer.status != 204 && answer.status != 304) {
    out.append("\r\nContent-Length: 0");
  }
  out.append("\r\n").append(answer.fields);
  if (close)
    out.append("Connection: close\r\n");
  else if (in.http_1_0)
    out.append("Connection: keep-alive\r\n");
  out.append("\r\n");
  if (in.verb == method::head) return false;
  if (!answer.static_body.empty() && content.size() > large_static_body) return true;
  out.append(content);
  return false;
}

} // namespace troupe::gateway::http
