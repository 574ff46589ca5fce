#include "app/serve.hpp"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <fstream>
#include <optional>
#include <string>
#include <thread>

#include "app/databases.hpp"
#include "app/node.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "base/version.hpp"
#include "config/render.hpp"
#include "gateway/gateway.hpp"
#include "persistence/migrations.hpp"

namespace troupe {

namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

/// What must be over when the drain is: releasing shards, closing connections.
constexpr auto stop_limit = 10s;
/// After that, `~actor_system` gets this long before the process leaves without it.
constexpr auto exit_limit = 3s;
/// How long shards and membership may take to come to life before that is worth a warning.
constexpr auto patience = 30s;

sigset_t shutdown_signals() {
  sigset_t wanted;
  sigemptyset(&wanted);
  sigaddset(&wanted, SIGTERM);
  sigaddset(&wanted, SIGINT);
  return wanted;
}

/// SIGTERM, SIGINT and `POST /drain`, as events of this thread.
class shutdown_requests {
public:
  shutdown_requests() {
    auto wanted = shutdown_signals();
    signals_ = signalfd(-1, &wanted, SFD_CLOEXEC);
    asked_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  }
  ~shutdown_requests() {
    close(signals_);
    close(asked_);
  }
  shutdown_requests(const shutdown_requests&) = delete;
  shutdown_requests& operator=(const shutdown_requests&) = delete;

  /// From any thread: as if a signal had come.
  void ask() const {
    std::uint64_t one = 1;
    [[maybe_unused]] auto written = write(asked_, &one, sizeof one);
  }

  /// From any thread: this incarnation is dead to the others, so nothing is left to drain.
  void end_dead() {
    dead_ = true;
    ask();
  }
  bool dead() const noexcept { return dead_; }

  /// Waits for the first request; nothing when `limit` is over before.
  std::optional<std::string> wait(std::optional<std::chrono::milliseconds> limit) {
    std::array<pollfd, 2> fds{{{signals_, POLLIN, 0}, {asked_, POLLIN, 0}}};
    int timeout = limit ? static_cast<int>(limit->count()) : -1;
    int ready = poll(fds.data(), fds.size(), timeout);
    if (ready <= 0) return std::nullopt;
    if (fds[0].revents) {
      signalfd_siginfo info{};
      if (read(signals_, &info, sizeof info) == sizeof info)
        return info.ssi_signo == SIGINT ? "SIGINT" : "SIGTERM";
    }
    std::uint64_t count = 0;
    if (read(asked_, &count, sizeof count) == sizeof count)
      return dead_ ? "declared dead" : "operations port";
    return std::nullopt;
  }

  /// From now on a signal ends the process at once.
  void end_at_the_next() {
    std::thread([fd = signals_] {
      signalfd_siginfo info{};
      while (read(fd, &info, sizeof info) != sizeof info)
        if (errno != EINTR) return;
      log::warn("serve", "second_signal", {{"consequence", "ends now"}});
      log::flush();
      _exit(static_cast<int>(exit_code::temporary));
    }).detach();
  }

private:
  int signals_ = -1;
  int asked_ = -1;
  std::atomic<bool> dead_{false};
};

/// How far a node is in its life.
enum class phase : std::uint8_t { starting, serving, draining };

exit_code report(std::string_view step, const failure& why) {
  log::error("serve", "cannot_start",
             {{"step", step}, {"why", to_string(why.code)}, {"detail", why.detail}});
  log::flush();
  return to_exit_code(why.code);
}

std::string url_of(std::string_view scheme, std::string_view address, std::uint16_t port) {
  std::string host{address == "0.0.0.0" ? "127.0.0.1" : address == "::" ? "::1" : address};
  if (host.contains(':')) host = '[' + host + ']';
  return std::string{scheme} + "://" + host + ':' + std::to_string(port);
}

/// Written under another name first, so that whoever waits for the file never reads half of it.
bool write_ready_file(const std::filesystem::path& path, std::string_view url,
                      std::string_view admin_url) {
  std::string text = "{\"url\": ";
  append_json_string(text, url);
  text += ", \"admin_url\": ";
  append_json_string(text, admin_url);
  text += ", \"pid\": " + std::to_string(getpid()) + "}\n";
  auto draft = path;
  draft += ".new";
  std::ofstream file{draft};
  file << text;
  file.close();
  std::error_code error;
  if (file) std::filesystem::rename(draft, path, error);
  return file && !error;
}

std::string version_json() {
  std::string out = "{\"version\":";
  append_json_string(out, version());
  out += ",\"commit\":";
  append_json_string(out, build_commit());
  out += ",\"compiler\":";
  append_json_string(out, build_compiler());
  out += ",\"libraries\":";
  append_json_string(out, build_libraries());
  return out += '}';
}

gateway::operations_callbacks callbacks_for(node& running, const configuration& config,
                                            const shutdown_requests& requests,
                                            const std::atomic<phase>& at) {
  return {
    .readiness =
      [&running, &at] {
        auto checks = running.readiness(at == phase::starting);
        if (at == phase::starting)
          checks.push_back({"starting", false, "the public port is not open yet"});
        // Before the last requests are answered: whoever spreads them must see it while they still are.
        if (at == phase::draining)
          checks.push_back({"draining", false, "this node is about to end"});
        return checks;
      },
    .started = [&at] { return at != phase::starting; },
    .config = [&config] { return to_json(config); },
    .shards = [&running] { return running.shards_json(); },
    .nodes = [&running] { return running.nodes_json(); },
    .version = [] { return version_json(); },
    .metrics = [&running] { return running.more_metrics().Collect(); },
    .drain = [&requests] { requests.ask(); },
  };
}

} // namespace

void hold_shutdown_signals() {
  auto wanted = shutdown_signals();
  pthread_sigmask(SIG_BLOCK, &wanted, nullptr);
}

exit_code serve(const configuration& config, const serve_options& options) {
  const auto& values = config.values;
  shutdown_requests requests;

  // -- start ----------------------------------------------------------------------------------------
  log::info("serve", "starting", {{"version", version()}, {"commit", build_commit()}});
  if (auto checked = check_schema(addresses_of(values)); !checked)
    return report("check the databases' schema", checked.error());

  auto made = node::start(values, [&requests] { requests.end_dead(); });
  if (!made) return report("open the databases", made.error());
  auto& running = **made;
  log::info("serve", "node_started", {{"incarnation", to_string(running.incarnation())}});

  // From here on whatever ends the node, a failed start too, goes through the stop below: shards are given
  // back, and actors do not wait for one another for ever.
  auto code = exit_code::ok;
  std::optional<std::string> why;
  auto cannot = [&](exit_code as, std::string_view step, const failure& failed) {
    report(step, failed);
    code = as;
    why = "cannot start";
  };

  std::atomic<phase> at{phase::starting};
  std::optional<gateway::operations_port> operations;
  operations.emplace(values.operations, running.system(), running.metrics(),
                     callbacks_for(running, config, requests, at));
  if (auto opened = operations->start(); !opened)
    cannot(exit_code::config, "open the operations port", opened.error());
  else
    log::info("serve", "operations_listening",
              {{"admin_url", url_of("http", values.operations.address, operations->port())}});

  auto deadline = steady_clock::now() + patience;
  while (!why && !running.serving()) {
    why = requests.wait(10ms);
    if (steady_clock::now() > deadline) {
      for (const auto& check : running.readiness(true))
        if (!check.ready)
          log::warn("serve", "not_ready", {{"what", check.name}, {"detail", check.detail}});
      deadline += patience;
    }
  }

  const auto& roles = values.cluster.roles;
  const bool gateway_here = roles.empty() || std::ranges::contains(roles, "gateway");
  std::optional<gateway::public_gateway> api;
  if (!why && gateway_here) {
    api.emplace(running.gateway_parts(values));
    if (auto opened = api->start(); !opened) {
      cannot(exit_code::config, "open the public port", opened.error());
      api.reset();
    }
  }
  if (!why) {
    if (api) operations->show(&api->metrics());
    at = phase::serving;
    auto scheme = values.http.tls_certificate_file.empty() ? "http" : "https";
    auto url = api ? url_of(scheme, values.http.address, api->port()) : std::string{};
    auto admin_url = url_of("http", values.operations.address, operations->port());
    log::info("serve", "listening",
              {{"url", url}, {"docs", api ? url + "/docs" : url}, {"admin_url", admin_url}});
    if (options.ready_file.empty() || write_ready_file(options.ready_file, url, admin_url))
      why = requests.wait(std::nullopt);
    else
      cannot(exit_code::cannot_create, "write the ready file",
             {errc::internal, options.ready_file.string(), {}, {}});
  }

  // -- stop -----------------------------------------------------------------------------------------
  requests.end_at_the_next();
  at = phase::draining;
  log::info("serve", "draining", {{"why", why.value_or("unknown")}});
  if (!requests.dead()) {
    const auto began = steady_clock::now();
    const bool handed_over = running.hand_over(began + values.cluster.drain_timeout,
                                               why.value_or("unknown"));
    log::info("serve", "handed_over", {{"all", handed_over}});
    // Whoever spreads requests has to see that this node is not ready any more, while it still answers.
    if (api) std::this_thread::sleep_until(began + values.cluster.drain_delay);
  }
  // A dead node hears of owners no more. Whoever waits for it asks another one when the connection breaks; proxies
  // do that by themselves, and not after an answer of 503.
  const bool drained = !requests.dead() &&
                       (!api || api->drain(steady_clock::now() + values.http.drain_timeout));
  operations->show(nullptr);
  if (api) api->stop();
  bool stopped = running.stop(steady_clock::now() + stop_limit);
  if (requests.dead()) code = exit_code::temporary; // a new incarnation may do better
  operations->stop();
  log::info("serve", "stopped", {{"drained", drained}, {"released", stopped}});
  log::flush();

  // Whatever still hangs after that must not keep the process: everything durable is durable.
  std::thread([code] {
    std::this_thread::sleep_for(exit_limit);
    _exit(static_cast<int>(code));
  }).detach();
  api.reset();
  operations.reset();
  made->reset();
  return code;
}

} // namespace troupe
