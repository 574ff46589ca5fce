#include "app/operations_client.hpp"

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>

namespace troupe {

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::system::error_code;

constexpr std::size_t largest_answer = 4 * 1024 * 1024; // bytes

/// Callbacks run within `run`, in the caller's thread.
class operations_request {
public:
  operations_request(http::verb verb, const std::string& path, asio::ip::tcp::endpoint server)
    : server_(std::move(server)), request_(verb, path, 11), stream_(io_) {
    request_.set(http::field::host, "localhost");
    request_.set(http::field::connection, "close");
    request_.prepare_payload();
    parser_.body_limit(largest_answer);
  }

  std::expected<operations_answer, std::string> run(std::chrono::milliseconds limit) {
    stream_.expires_after(limit);
    stream_.async_connect(server_, [this](error_code error) {
      if (!failed(error)) send();
    });
    io_.run();
    if (problem_) return std::unexpected(problem_.message());
    return operations_answer{parser_.get().result_int(), parser_.get().body()};
  }

private:
  void send() {
    http::async_write(stream_, request_, [this](error_code error, std::size_t) {
      if (!failed(error)) receive();
    });
  }

  void receive() {
    http::async_read(stream_, buffer_, parser_,
                     [this](error_code error, std::size_t) { failed(error); });
  }

  bool failed(error_code error) {
    problem_ = error;
    return static_cast<bool>(error);
  }

  asio::ip::tcp::endpoint server_;
  http::request<http::empty_body> request_;
  asio::io_context io_{1};
  beast::tcp_stream stream_;
  beast::flat_buffer buffer_;
  http::response_parser<http::string_body> parser_;
  error_code problem_;
};

/// Where the operations port is, given where it listens.
std::expected<asio::ip::tcp::endpoint, std::string> operations_endpoint(const settings& values) {
  error_code error;
  auto address = asio::ip::make_address(values.operations.address, error);
  if (error) return std::unexpected("operations.address is no IP address");
  if (values.operations.port == 0)
    return std::unexpected("operations.port is 0, so nobody knows which port was taken; give it by "
                           "--set operations.port=PORT");
  if (address.is_unspecified())
    address = address.is_v6() ? asio::ip::address{asio::ip::address_v6::loopback()}
                              : asio::ip::address{asio::ip::address_v4::loopback()};
  return asio::ip::tcp::endpoint{address, values.operations.port};
}

} // namespace

std::expected<operations_answer, std::string> ask_operations(const settings& values, bool post,
                                                             const std::string& path,
                                                             std::chrono::milliseconds limit) {
  auto server = operations_endpoint(values);
  if (!server) return std::unexpected(server.error());
  auto answer = operations_request{post ? http::verb::post : http::verb::get, path, *server}.run(
    limit);
  if (!answer) return std::unexpected("no answer from the operations port: " + answer.error());
  return answer;
}

} // namespace troupe
