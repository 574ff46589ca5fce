#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

// An HTTP request as the session read it and the answer to it, both parts of the session's memory
// that the next request uses again.

namespace troupe::gateway::http {

enum class method : std::uint8_t { get, head, post, put, patch, delete_, options, other };

std::string_view to_string(method m) noexcept;

/// The header fields that anybody here asks for; all others are skipped while reading.
enum class field : std::uint8_t {
  accept,
  accept_encoding,
  access_control_request_headers,
  access_control_request_method,
  authorization,
  content_encoding,
  content_type,
  expect,
  host,
  idempotency_key,
  if_match,
  if_none_match,
  origin,
  traceparent,
  tracestate,
  x_request_id,
  count_
};

/// The client's address as bytes; IPv4-mapped ones are IPv4.
struct peer_address {
  bool v6 = false;
  std::array<std::uint8_t, 16> bytes{}; ///< the first 4 for IPv4
  std::string text;
};

/// Views point into the session's input and stay valid until the answer is written.
struct request {
  method verb = method::get;
  std::string_view verb_text;
  std::string_view target; ///< as sent: path and query
  std::string_view path;   ///< the target up to the query, still percent-encoded
  std::string_view query;  ///< without the `?`
  bool keep_alive = true;
  bool http_1_0 = false;
  std::string_view body;
  std::array<std::string_view, static_cast<std::size_t>(field::count_)> fields{};
  std::uint32_t present = 0;  ///< bit set of fields that were sent, be they empty
  std::uint32_t repeated = 0; ///< bit set of fields that stood more than once

  std::string_view operator[](field f) const noexcept {
    return fields[static_cast<std::size_t>(f)];
  }
  bool has(field f) const noexcept { return present >> static_cast<unsigned>(f) & 1; }
  bool is_repeated(field f) const noexcept { return repeated >> static_cast<unsigned>(f) & 1; }
};

/// The answer. Whoever handles the request fills it; the session adds what every answer has.
struct response {
  std::uint16_t status = 200;
  std::string_view content_type = "application/json"; ///< of static storage
  std::string fields;                                 ///< further header lines, each with its CRLF
  std::string body;
  std::string_view static_body; ///< instead of `body`, from storage that outlives the answer
  bool has_body = true;         ///< false: neither Content-Type nor body (204, 304)
  bool packed = false;          ///< the body is compressed in itself
  bool close = false;           ///< end the connection after this answer

  void reset() {
    status = 200;
    content_type = "application/json";
    fields.clear();
    body.clear();
    static_body = {};
    has_body = true;
    packed = false;
    close = false;
  }

  /// Neither name nor value may come from outside without a check: a line break would be a hole.
  void add(std::string_view name, std::string_view value) {
    fields.append(name).append(": ").append(value).append("\r\n");
  }

  std::string_view content() const noexcept {
    return static_body.empty() ? std::string_view{body} : static_body;
  }
};

/// Whether `text` may be a header value: visible ASCII, spaces and tabs.
bool is_field_value(std::string_view text) noexcept;

/// Decodes %XX, and + as a space when `plus` is set. Nothing for a broken escape.
bool percent_decode(std::string_view text, bool plus, std::string& out);

} // namespace troupe::gateway::http
