#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "gateway/bridge.hpp"
#include "gateway/context.hpp"
#include "gateway/encoding.hpp"
#include "gateway/http/server.hpp"
#include "gateway/site.hpp"
#include "gateway/stats.hpp"

namespace troupe::gateway {

/// What all threads of the public API share besides the services. Owned by the gateway.
struct api_shared {
  const services& node;
  caf::actor_system& system;
  const route_map& routes;
  const site& pages;
  gateway_probe& probe;
};

/// The public API on one gateway thread: every request goes through `handle`, in this order:
/// request id, route, rate limit of the address, token, rate limit of the account, role, Accept,
/// idempotency key, body, handler, form of the answer, log and metrics.
class api_handler final : public http::handler {
public:
  api_handler(const api_shared& shared, boost::asio::io_context& io, std::uint32_t thread);
  ~api_handler() override;

  task<void> handle(http::exchange& ex) override;
  void refuse(http::exchange& ex, failure why) override;
  void tick(std::chrono::steady_clock::time_point now) override;
  void stop() override;

private:
  /// What is known of a request besides its route.
  struct trail;

  task<result<void>> run(context& c, trail& t);
  result<void> admit(context& c, trail& t);
  result<void> read_key(context& c);
  result<void> read_body(context& c, trail& t);
  task<result<bool>> find_earlier(context& c);
  void keep_answer(const context& c, const http::response& out);
  void preflight(http::exchange& ex, std::uint32_t methods);
  void describe(const failure& why, http::exchange& ex, const trail& t);
  void finish(http::exchange& ex, trail& t, body_format format);
  bool limit(const limit_key& key, trail& t);
  root_task share_usage();

  const api_shared& shared_;
  const services& node_;
  bridge bridge_;
  token_verifier verifier_;
  gzip_encoder gzip_;
  thread_stats stats_;
  std::string scratch_;
  std::uint32_t thread_;
  std::chrono::steady_clock::time_point next_report_{};
  std::coroutine_handle<> reporting_;
  bool report_under_way_ = false;
};

} // namespace troupe::gateway
