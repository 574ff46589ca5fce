#include <algorithm>
#include <mutex>

#include <caf/all.hpp>
#include <caf/telemetry/collector/prometheus.hpp>
#include <prometheus/text_serializer.h>

#include "base/json.hpp"
#include "base/log.hpp"
#include "gateway/gateway.hpp"
#include "gateway/http/server.hpp"
#include "gateway/problem.hpp"

namespace troupe::gateway {

// Not in the unnamed namespace: their members' names are found by an external symbol.
struct level_change {
  std::string level;
};
struct level_answer {
  std::string level;
};

namespace {

constexpr std::string_view text = "text/plain; charset=utf-8";
constexpr std::string_view exposition = "text/plain; version=0.0.4; charset=utf-8";

/// What the port's one thread works with.
struct shared_state {
  caf::actor_system& system;
  metric_registry& metrics;
  operations_callbacks callbacks;
  std::mutex mutex;
  const prometheus::Collectable* more = nullptr;
};

class operations_handler final : public http::handler {
public:
  explicit operations_handler(shared_state& state) : state_(state) {}

  task<void> handle(http::exchange& ex) override {
    answer(ex);
    co_return;
  }

  void refuse(http::exchange& ex, failure why) override { problem(ex, why); }

private:
  using method = http::method;

  void answer(http::exchange& ex) {
    auto path = ex.in.path;
    if (path == "/log-level" && ex.in.verb == method::put) return set_level(ex);
    if (path == "/drain") {
      if (ex.in.verb != method::post) return wrong_method(ex, "POST");
      log::info("operations", "drain_asked", {{"address", ex.peer->text}});
      state_.callbacks.drain();
      ex.out.status = 202;
      return plain(ex, "draining\n");
    }
    bool known = true;
    if (ex.in.verb != method::get && ex.in.verb != method::head) {
      constexpr std::string_view paths[] = {"/livez",   "/readyz",  "/startupz",
                                            "/metrics", "/version", "/config",
                                            "/shards",  "/nodes",   "/log-level"};
      known = std::ranges::find(paths, path) != std::end(paths);
      if (known) return wrong_method(ex, path == "/log-level" ? "GET, HEAD, PUT" : "GET, HEAD");
    }
    if (path == "/livez") return plain(ex, "ok\n");
    if (path == "/readyz") return readiness(ex);
    if (path == "/startupz") {
      bool started = state_.callbacks.started();
      if (!started) ex.out.status = 503;
      return plain(ex, started ? "ok\n" : "starting\n");
    }
    if (path == "/metrics") return metrics(ex);
    if (path == "/version") return json(ex, state_.callbacks.version());
    if (path == "/config") return json(ex, state_.callbacks.config());
    if (path == "/shards") return json(ex, state_.callbacks.shards());
    if (path == "/nodes") return json(ex, state_.callbacks.nodes());
    if (path == "/log-level")
      return json(ex, to_json(level_answer{std::string{log::to_string(log::current_level())}}));
    problem(ex, {errc::not_found, {}, {}, {}});
  }

  void plain(http::exchange& ex, std::string_view body) {
    ex.out.content_type = text;
    ex.out.body = body;
  }

  void json(http::exchange& ex, std::string body) { ex.out.body = std::move(body); }

  void problem(http::exchange& ex, const failure& why) {
    ex.out.status = problem_of(why.code).status;
    ex.out.content_type = "application/problem+json";
    ex.out.body.clear();
    write_problem(ex.out.body, why, {});
  }

  void wrong_method(http::exchange& ex, std::string_view allow) {
    ex.out.add("Allow", allow);
    problem(ex, {errc::method_not_allowed, {}, {}, {}});
  }

  void readiness(http::exchange& ex) {
    auto checks = state_.callbacks.readiness();
    bool ready = std::ranges::all_of(checks, [](const auto& c) { return c.ready || !c.required; });
    if (!ready) ex.out.status = 503;
    bool verbose = ex.in.query.starts_with("verbose");
    if (!verbose) return plain(ex, ready ? "ok\n" : "not ready\n");
    std::string body;
    for (const auto& check : checks) {
      body.append(check.ready ? "[+] " : check.required ? "[-] " : "[!] ").append(check.name);
      if (!check.detail.empty()) body.append(": ").append(check.detail);
      body += '\n';
    }
    body.append(ready ? "ready\n" : "not ready\n");
    plain(ex, body);
  }

  void metrics(http::exchange& ex) {
    auto families = state_.metrics.Collect();
    for (auto& family : state_.callbacks.metrics()) families.push_back(std::move(family));
    {
      std::lock_guard lock{state_.mutex};
      if (state_.more)
        for (auto& family : state_.more->Collect()) families.push_back(std::move(family));
    }
    ex.out.content_type = exposition;
    ex.out.body = prometheus::TextSerializer{}.Serialize(families);
    caf::telemetry::collector::prometheus actors;
    actors.min_scrape_interval(caf::timespan{0});
    auto collected = actors.collect_from(state_.system.metrics());
    ex.out.body.append(collected.data(), collected.size());
  }

  void set_level(http::exchange& ex) {
    // Both `debug` and {"level": "debug"}: the first is what one types.
    std::string name{ex.in.body};
    if (name.starts_with('{')) {
      auto change = from_json<level_change>(name);
      if (!change) return problem(ex, change.error());
      name = std::move(change->level);
    }
    while (!name.empty() && (name.back() == '\n' || name.back() == '\r' || name.back() == ' '))
      name.pop_back();
    log::level wanted{};
    if (!log::parse_level(name, wanted))
      return problem(
        ex,
        {errc::invalid_field, {}, {{"/level", "is none of trace, debug, info, warn, error"}}, {}});
    log::set_level(wanted);
    log::info("operations", "log_level_set", {{"level", log::to_string(wanted)}});
    json(ex, to_json(level_answer{std::string{log::to_string(wanted)}}));
  }

  shared_state& state_;
};

http::server_settings server_settings_of(const operations_settings& config) {
  http::server_settings out;
  out.address = config.address;
  out.port = config.port;
  out.threads = 1;
  out.max_connections = 256;
  out.max_body = 4096;
  return out;
}

} // namespace

class operations_port::implementation {
public:
  implementation(const operations_settings& config, caf::actor_system& system,
                 metric_registry& metrics, operations_callbacks callbacks)
    : state_{system, metrics, std::move(callbacks), {}, nullptr},
      server_(server_settings_of(config), "operations",
              [this](boost::asio::io_context&, std::uint32_t) {
                return std::make_unique<operations_handler>(state_);
              }) {}

  http::server& server() noexcept { return server_; }

  void show(const prometheus::Collectable* more) {
    std::lock_guard lock{state_.mutex};
    state_.more = more;
  }

private:
  shared_state state_;
  http::server server_;
};

operations_port::operations_port(const operations_settings& config, caf::actor_system& system,
                                 metric_registry& metrics, operations_callbacks callbacks)
  : implementation_(
      std::make_unique<implementation>(config, system, metrics, std::move(callbacks))) {}

operations_port::~operations_port() = default;

result<void> operations_port::start() { return implementation_->server().start(); }

std::uint16_t operations_port::port() const noexcept { return implementation_->server().port(); }

void operations_port::stop() { implementation_->server().stop(); }

void operations_port::show(const prometheus::Collectable* more) { implementation_->show(more); }

} // namespace troupe::gateway
