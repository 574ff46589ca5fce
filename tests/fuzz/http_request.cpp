// The way of a request's bytes through the parser, the router and what is read of its fields.
#include <cstdint>
#include <string_view>

#include "base/json.hpp"
#include "gateway/context.hpp"
#include "gateway/http/head.hpp"
#include "gateway/http/parser.hpp"
#include "gateway/negotiation.hpp"
#include "gateway/problem.hpp"
#include "gateway/route.hpp"

using namespace troupe::gateway;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const route_map routes = [] {
    route_map map;
    for (const auto& each : all_routes()) map.add(each);
    return map;
  }();
  std::string input{reinterpret_cast<const char*>(data), size};
  auto end = input.find("\r\n\r\n");
  if (end == std::string::npos) return 0;
  std::string_view header = std::string_view{input}.substr(0, end + 4);
  http::request in;
  std::string body;
  http::request_parser parser{in, body, 16 * 1024, 1024};
  auto ec = parser.read_header(header);
  std::string rest = input.substr(end + 4);
  while (!ec && !parser.is_done() && !rest.empty()) {
    std::size_t used = 0;
    ec = parser.read_body(rest, used);
    if (used == 0) break;
    rest.erase(0, used);
  }
  std::string out;
  if (ec) {
    write_problem(out, http::failure_of(ec), "id");
    return 0;
  }
  using http::field;
  auto found = routes.find(in.verb, in.path);
  if (found.path_exists) out += allow_field(found.methods);
  static_cast<void>(parse_pairs(in.query));
  static_cast<void>(accepted_format(in[field::accept]));
  static_cast<void>(accepts_gzip(in[field::accept_encoding]));
  static_cast<void>(format_of(in[field::content_type]));
  static_cast<void>(matches_none(in[field::if_none_match], 1));
  static_cast<void>(parse_if_match(in[field::if_match]));
  static_cast<void>(parse_traceparent(in[field::traceparent]));
  // What is echoed must not be able to end its line.
  if (is_request_id(in[field::x_request_id]) &&
      in[field::x_request_id].find_first_of("\r\n") != std::string_view::npos)
    __builtin_trap();
  http::response answer;
  http::append_answer(out, in, answer, "", !in.keep_alive);
  return 0;
}
