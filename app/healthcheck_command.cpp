#include <CLI/CLI.hpp>

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <memory>
#include <string>

#include "app/command_line.hpp"

namespace troupe {

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::system::error_code;

constexpr auto time_limit = std::chrono::seconds{2};
constexpr std::size_t largest_answer = 64 * 1024; // bytes

struct health_options {
  bool ready = false;
};

/// One GET of the operations port. Callbacks run within `run`, in the caller's thread.
class health_request {
public:
  health_request(std::string path, asio::ip::tcp::endpoint server)
    : server_(std::move(server)), request_(http::verb::get, path, 11), stream_(io_) {
    request_.set(http::field::host, "localhost");
    request_.set(http::field::connection, "close");
    parser_.body_limit(largest_answer);
  }

  /// The answer's status, or what went wrong.
  std::expected<unsigned, std::string> run() {
    stream_.expires_after(time_limit);
    stream_.async_connect(server_, [this](error_code error) {
      if (!failed(error)) send();
    });
    io_.run();
    if (problem_) return std::unexpected(problem_.message());
    return parser_.get().result_int();
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

/// Where the operations port of this machine is, given where it listens.
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

exit_code check(command_line& line, const health_options& options) {
  auto config = line.load(command_line::needs::nothing);
  if (!config) return config.error();
  auto server = operations_endpoint(config->values);
  if (!server) return give_up(exit_code::config, server.error());
  auto status = health_request{options.ready ? "/readyz" : "/livez", *server}.run();
  if (!status)
    return give_up(exit_code::no, "no answer from the operations port: " + status.error());
  if (*status != 200)
    return give_up(exit_code::no, "the operations port answers " + std::to_string(*status));
  return exit_code::ok;
}

} // namespace

void add_healthcheck_command(CLI::App& root, command_line& line) {
  auto options = std::make_shared<health_options>();
  auto command = line.add(
    root, "healthcheck",
    "Asks the operations port of a running `troupe serve` whether it is alive; exit code 0 or 1, "
    "within 2 s",
    "  troupe healthcheck\n"
    "  troupe healthcheck --ready --set operations.port=9001",
    [&line, options] { return check(line, *options); });
  command->add_flag("--ready", options->ready, "Asks whether it is ready for requests, too");
}

} // namespace troupe
