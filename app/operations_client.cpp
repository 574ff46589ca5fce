#include "app/operations_client.hpp"

#include <boost/asio/ip/address.hpp>

namespace troupe {

namespace {

namespace ip = boost::asio::ip;

/// Where the operations port is, given where it listens.
std::expected<std::string, std::string> operations_url(const settings& values) {
  boost::system::error_code error;
  auto address = ip::make_address(values.operations.address, error);
  if (error) return std::unexpected("operations.address is no IP address");
  if (values.operations.port == 0)
    return std::unexpected("operations.port is 0, so nobody knows which port was taken; give it by "
                           "--set operations.port=PORT");
  if (address.is_unspecified())
    address = address.is_v6() ? ip::address{ip::address_v6::loopback()}
                              : ip::address{ip::address_v4::loopback()};
  const auto host = address.is_v6() ? '[' + address.to_string() + ']' : address.to_string();
  return "http://" + host + ':' + std::to_string(values.operations.port);
}

} // namespace

std::expected<http_answer, std::string> ask_operations(const settings& values,
                                                       http_client::verb method, std::string path,
                                                       std::chrono::milliseconds limit) {
  auto url = operations_url(values);
  if (!url) return std::unexpected(std::move(url.error()));
  auto client = http_client::make(*url);
  if (!client) return std::unexpected(std::move(client.error().detail));
  auto answer = client->send({.method = method, .target = std::move(path)}, limit);
  if (!answer) return std::unexpected("no answer from the operations port: " + answer.error().why);
  return std::move(*answer);
}

} // namespace troupe
