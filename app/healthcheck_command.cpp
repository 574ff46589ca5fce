#include <CLI/CLI.hpp>

#include <chrono>
#include <memory>
#include <string>

#include "app/command_line.hpp"
#include "app/operations_client.hpp"

namespace troupe {

namespace {

constexpr auto time_limit = std::chrono::seconds{2};

struct health_options {
  bool ready = false;
};

exit_code check(command_line& line, const health_options& options) {
  auto config = line.load(command_line::needs::nothing);
  if (!config) return config.error();
  auto answer = ask_operations(config->values, http_client::verb::get,
                               options.ready ? "/readyz" : "/livez", time_limit);
  if (!answer) return give_up(exit_code::no, answer.error());
  if (answer->status != 200)
    return give_up(exit_code::no, "the operations port answers " + std::to_string(answer->status));
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
