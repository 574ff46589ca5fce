#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <boost/beast/http/basic_parser.hpp>

#include "gateway/http/message.hpp"

namespace troupe::gateway::http {

/// Reads one request with Beast's parser, without copying its header: the fields of `request` are
/// views into the header text, which must be complete, contiguous and outlive them. Bodies, chunked
/// ones too, are collected in `body`. One per request.
class request_parser final : public boost::beast::http::basic_parser<true> {
public:
  request_parser(request& out, std::string& body, std::uint32_t max_header, std::uint64_t max_body);

  /// Feeds the header with its final empty line. Errors: see `failure_of`.
  boost::system::error_code read_header(std::string_view header);

  /// Feeds bytes of the body; `used` tells how many belong to this request.
  boost::system::error_code read_body(std::string_view bytes, std::size_t& used);

private:
  using error_code = boost::beast::error_code;
  using view = boost::beast::string_view;

  void on_request_impl(boost::beast::http::verb verb, view verb_text, view target, int version,
                       error_code& ec) override;
  void on_response_impl(int, view, int, error_code&) override {}
  void on_field_impl(boost::beast::http::field name, view name_text, view value,
                     error_code& ec) override;
  void on_header_impl(error_code&) override {}
  void on_body_init_impl(boost::optional<std::uint64_t> const& size, error_code&) override;
  std::size_t on_body_impl(view bytes, error_code&) override;
  void on_chunk_header_impl(std::uint64_t, view, error_code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, view bytes, error_code&) override;
  void on_finish_impl(error_code&) override {}

  request& out_;
  std::string& body_;
  std::string_view header_;
  bool header_done_ = false;
};

/// What the client is told about input that is no HTTP request.
failure failure_of(const boost::system::error_code& ec);

} // namespace troupe::gateway::http
