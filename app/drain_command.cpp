#include <CLI/CLI.hpp>

#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <thread>

#include "app/command_line.hpp"
#include "app/operations_client.hpp"

namespace troupe {

namespace {

using std::chrono::steady_clock;

constexpr auto request_limit = std::chrono::seconds{5};
constexpr std::chrono::milliseconds look_interval{100};

struct drain_options {
  bool wait = false;
  std::uint32_t timeout_s = 60;
};

exit_code drain(command_line& line, const drain_options& options) {
  auto config = line.load(command_line::needs::nothing);
  if (!config) return config.error();
  auto asked = ask_operations(config->values, http_client::verb::post, "/drain", request_limit);
  if (!asked) return give_up(exit_code::no, asked.error());
  if (asked->status != 202)
    return give_up(exit_code::no, "the operations port answers " + std::to_string(asked->status));
  if (!options.wait) {
    std::printf("the node drains and ends; --wait waits for that\n");
    return exit_code::ok;
  }
  const auto deadline = steady_clock::now() + std::chrono::seconds{options.timeout_s};
  // Its operations port is the last thing that goes.
  while (ask_operations(config->values, http_client::verb::get, "/livez", request_limit)) {
    if (steady_clock::now() > deadline)
      return give_up(exit_code::temporary,
                     "the node has not ended within " + std::to_string(options.timeout_s) + " s");
    std::this_thread::sleep_for(look_interval);
  }
  std::printf("the node has ended\n");
  return exit_code::ok;
}

} // namespace

void add_drain_command(CLI::App& root, command_line& line) {
  auto options = std::make_shared<drain_options>();
  auto command = line.add(
    root, "drain",
    "Tells the node whose operations port is configured to hand its shards to the others, to answer "
    "what is under way and to end, as SIGTERM does",
    "  troupe drain --wait\n"
    "  troupe drain --set operations.port=9001",
    [&line, options] { return drain(line, *options); });
  command->add_flag("--wait", options->wait, "Returns when the node has ended");
  command->add_option("--timeout", options->timeout_s, "With --wait: seconds to wait at most")
    ->capture_default_str();
}

} // namespace troupe
