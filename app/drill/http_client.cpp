#include "app/drill/http_client.hpp"

#include <charconv>
#include <utility>

namespace troupe::drill {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::system::error_code;

result<http_client> http_client::make(const std::string& url) {
  constexpr std::string_view scheme = "http://";
  const auto wrong = fail(errc::invalid_field, url + " is no http://ADDRESS:PORT");
  if (!url.starts_with(scheme)) return wrong;
  const auto colon = url.rfind(':');
  if (colon < scheme.size()) return wrong;
  error_code error;
  const auto address = asio::ip::make_address(url.substr(scheme.size(), colon - scheme.size()),
                                              error);
  std::uint16_t port = 0;
  const auto text = std::string_view{url}.substr(colon + 1);
  const auto read = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error || read.ec != std::errc{} || read.ptr != text.data() + text.size()) return wrong;
  return http_client{{address, port}};
}

std::expected<http_answer, no_answer> http_client::send(const request& what,
                                                        std::chrono::milliseconds limit) {
  http::request<http::string_body> out{what.method, what.target, 11, what.body};
  out.set(http::field::host, server_.address().to_string());
  if (!what.body.empty()) out.set(http::field::content_type, what.content_type);
  if (!what.token.empty()) out.set(http::field::authorization, "Bearer " + what.token);
  if (!what.key.empty()) out.set("Idempotency-Key", what.key);
  out.prepare_payload();

  http::response_parser<http::string_body> in;
  in.body_limit(8 * 1024 * 1024);
  error_code problem;
  auto receive = [&] {
    http::async_read(*stream_, buffer_, in,
                     [&](error_code error, std::size_t) { problem = error; });
  };
  auto write = [&] {
    http::async_write(*stream_, out, [&](error_code error, std::size_t) {
      problem = error;
      if (!error) receive();
    });
  };
  const bool fresh = !stream_;
  if (fresh) {
    stream_.emplace(*io_);
    buffer_.clear();
  }
  stream_->expires_after(limit);
  if (fresh)
    stream_->async_connect(server_, [&](error_code error) {
      problem = error;
      if (!error) write();
    });
  else
    write();
  io_->restart();
  io_->run();
  if (problem) {
    const bool began = in.got_some();
    stream_.reset();
    // A connection that the server closed while it was idle says nothing of this request.
    if (!fresh && !began && problem != beast::error::timeout) return send(what, limit);
    return std::unexpected(no_answer{began, problem.message()});
  }
  auto& answer = in.get();
  http_answer made{answer.result_int(), std::move(answer.body()),
                   answer.count("Idempotency-Replayed") > 0};
  if (!answer.keep_alive()) stream_.reset();
  return made;
}

} // namespace troupe::drill
