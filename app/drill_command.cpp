#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>

#include "app/command_line.hpp"
#include "app/drill/drill.hpp"
#include "base/text.hpp"

namespace troupe {

namespace {

struct drill_options {
  std::string fault = "baseline";
  std::string cluster = ".local/cluster.json";
  std::uint32_t rate = 1'000;
  std::uint32_t clients = 32;
  std::uint32_t seconds = 3;
  std::uint32_t sleep = 10;
  bool list = false;
  bool json = false;
};

void print_table(const drill::report& found) {
  for (const auto& [name, value] : found.measured)
    std::printf("       %-60s %s\n", name.c_str(), value.c_str());
  for (const auto& one : found.invariants)
    std::printf("%s  %-60s %s\n", one.holds ? "pass" : "FAIL", one.name.c_str(),
                one.detail.c_str());
}

void print_json(std::string_view fault, const drill::report& found) {
  std::string out = "{\"fault\":";
  append_json_string(out, fault);
  out += std::string{",\"passed\":"} + (found.passed() ? "true" : "false") + ",\"measured\":{";
  for (const auto& [name, value] : found.measured) {
    if (!out.ends_with('{')) out += ',';
    append_json_string(out, name);
    out += ':';
    append_json_string(out, value);
  }
  out += "},\"invariants\":[";
  for (const auto& one : found.invariants) {
    if (!out.ends_with('[')) out += ',';
    out += "{\"name\":";
    append_json_string(out, one.name);
    out += std::string{",\"holds\":"} + (one.holds ? "true" : "false") + ",\"detail\":";
    append_json_string(out, one.detail);
    out += '}';
  }
  std::printf("%s]}\n", out.c_str());
}

exit_code run(const drill_options& options) {
  if (options.list) {
    for (const auto& one : drill::all_faults())
      std::printf("%-18s %s\n", std::string{one.name}.c_str(), std::string{one.what}.c_str());
    return exit_code::ok;
  }
  auto cluster = drill::read_cluster_file(options.cluster);
  if (!cluster) return give_up(cluster.error());
  drill::drill_settings settings;
  settings.load.rate = options.rate;
  settings.load.clients = options.clients;
  settings.quiet = std::chrono::seconds{options.seconds};
  settings.sleep = std::chrono::seconds{options.sleep};
  settings.say = [](std::string_view text) {
    std::fprintf(stderr, "drill: %.*s\n", static_cast<int>(text.size()), text.data());
  };
  auto found = drill::run_drill(options.fault, *cluster, settings);
  if (!found) return give_up(found.error());
  if (options.json)
    print_json(options.fault, *found);
  else
    print_table(*found);
  return found->passed() ? exit_code::ok : exit_code::no;
}

} // namespace

void add_drill_command(CLI::App& root, command_line& line) {
  auto options = std::make_shared<drill_options>();
  auto command = line.add(
    root, "drill",
    "Runs load against a development cluster, injects a fault and checks what "
    "must hold; exit code 1 when something does not",
    "  troupe drill --list\n"
    "  troupe drill kill\n"
    "  troupe drill rolling --rate 500 --json",
    [options] { return run(*options); });
  command->add_option("fault", options->fault, "Which fault, see --list")->capture_default_str();
  command->add_option("--cluster", options->cluster, "The cluster's file, which ./dev up writes")
    ->capture_default_str();
  command->add_option("--rate", options->rate, "Requests a second")
    ->capture_default_str()
    ->check(CLI::Range(1, 100'000));
  command->add_option("--clients", options->clients, "At the same time")
    ->capture_default_str()
    ->check(CLI::Range(1, 1'000));
  command->add_option("--seconds", options->seconds, "Of load before the fault, and after it")
    ->capture_default_str()
    ->check(CLI::Range(1, 3'600));
  command->add_option("--sleep", options->sleep, "Seconds that `pause` lets a node sleep")
    ->capture_default_str()
    ->check(CLI::Range(1, 600));
  command->add_flag("--list", options->list, "Lists the faults");
  command->add_flag("--json", options->json, "The report as JSON");
}

} // namespace troupe
