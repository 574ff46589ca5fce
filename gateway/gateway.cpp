#include "gateway/gateway.hpp"

#include <algorithm>
#include <thread>

#include "gateway/api.hpp"
#include "gateway/http/server.hpp"
#include "gateway/services.hpp"
#include "gateway/site.hpp"

namespace troupe::gateway {

namespace {

http::server_settings server_settings_of(const http_settings& config) {
  http::server_settings out;
  out.address = config.address;
  out.port = config.port;
  // The actors have the other half of the cores.
  out.threads = config.threads > 0 ? config.threads
                                   : std::max(1u, std::thread::hardware_concurrency() / 2);
  out.max_connections = config.max_connections;
  out.max_connections_per_address = config.max_connections_per_address;
  out.header_timeout = config.header_timeout;
  out.body_timeout = config.body_timeout;
  out.idle_timeout = config.idle_timeout;
  out.write_timeout = config.write_timeout;
  out.max_header = static_cast<std::uint32_t>(config.max_header.bytes);
  out.max_body = config.max_body.bytes;
  out.tls_certificate_file = config.tls_certificate_file;
  out.tls_key_file = config.tls_key_file;
  return out;
}

route_map map_of(std::span<const route> routes) {
  route_map map;
  for (const auto& each : routes) map.add(each);
  return map;
}

std::vector<std::string_view> metric_names() {
  std::vector<std::string_view> names;
  for (const auto& each : all_routes()) names.push_back(each.id);
  names.push_back("unmatched");
  names.push_back("site");
  return names;
}

} // namespace

class public_gateway::implementation {
public:
  explicit implementation(gateway_dependencies on)
    : services_(on.config, on.routes, on.catalog, on.events, std::move(on.guard), on.passwords,
                std::move(on.registrations), std::move(on.catalog_copy), on.revocations,
                on.metrics),
      routes_(map_of(all_routes())),
      probe_(metric_names()),
      shared_{services_, on.system, routes_, pages_, probe_},
      server_(server_settings_of(on.config.http), "public",
              [this](boost::asio::io_context& io, std::uint32_t thread) {
                return std::make_unique<api_handler>(shared_, io, thread);
              }) {
    probe_.attach_server(&server_);
  }
  ~implementation() { stop(); }

  void stop() {
    probe_.attach_server(nullptr);
    server_.stop();
  }
  const gateway_probe& probe() const noexcept { return probe_; }

  http::server& server() noexcept { return server_; }
  const http::server& server() const noexcept { return server_; }

private:
  services services_;
  route_map routes_;
  site pages_;
  gateway_probe probe_;
  api_shared shared_;
  http::server server_;
};

public_gateway::public_gateway(gateway_dependencies on)
  : implementation_(std::make_unique<implementation>(std::move(on))) {}

public_gateway::~public_gateway() = default;

result<void> public_gateway::start() { return implementation_->server().start(); }

std::uint16_t public_gateway::port() const noexcept { return implementation_->server().port(); }

bool public_gateway::drain(std::chrono::steady_clock::time_point deadline) {
  return implementation_->server().drain(deadline);
}

void public_gateway::stop() { implementation_->stop(); }

const prometheus::Collectable& public_gateway::metrics() const noexcept {
  return implementation_->probe();
}

} // namespace troupe::gateway
