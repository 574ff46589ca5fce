#include <CLI/CLI.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>

#include <csignal>
#include <cstdio>
#include <map>
#include <memory>
#include <string>

#include "app/command_line.hpp"
#include "app/simulator/simulator.hpp"

namespace troupe {

namespace {

struct simulator_options {
  std::uint16_t port = 0;
  std::string chaos;
  std::uint32_t change_every = 0; ///< seconds
  simulator::provider_settings settings;
};

exit_code run(const simulator_options& options) {
  auto settings = options.settings;
  auto chaos = simulator::parse_chaos(options.chaos);
  if (!chaos) return give_up(chaos.error());
  settings.what = *chaos;
  settings.change_every = std::chrono::seconds{options.change_every};

  boost::asio::io_context io{1};
  boost::asio::signal_set signals{io, SIGINT, SIGTERM};
  signals.async_wait([&](boost::system::error_code, int) { io.stop(); });
  simulator::provider provider{io, settings};
  if (auto listening = provider.listen(options.port); !listening)
    return give_up(exit_code::unavailable, listening.error().detail);
  std::printf("http://127.0.0.1:%u/events\n", static_cast<unsigned>(provider.port()));
  std::fflush(stdout); // whoever started it on any port waits for that line
  io.run();
  return exit_code::ok;
}

} // namespace

void add_provider_simulator_command(CLI::App& root, command_line& line) {
  auto options = std::make_shared<simulator_options>();
  auto command = line.add(
    root, "provider-simulator",
    "Serves a made-up provider's feed by HTTP on 127.0.0.1 until Ctrl-C, well or badly; prints its "
    "URL",
    "  troupe provider-simulator --port 9100 --change-every 5\n"
    "  troupe provider-simulator --events 5000 --zones 300 --format planList\n"
    "  troupe provider-simulator --chaos slow,truncate --chaos-share 50\n"
    "  curl -X POST 'http://127.0.0.1:9100/control?generation=3&chaos=down&share=100'",
    [options] { return run(*options); });
  command->add_option("--port", options->port, "Port; 0 is any free one")->capture_default_str();
  auto& feed = options->settings.feed;
  command->add_option("--events", feed.events, "Events in the feed")
    ->capture_default_str()
    ->check(CLI::Range(1, 1'000'000));
  command->add_option("--zones", feed.zones, "Zones of each event")
    ->capture_default_str()
    ->check(CLI::Range(0, 10'000));
  command->add_option("--seed", feed.seed, "The same seed gives the same feed")
    ->capture_default_str();
  const std::map<std::string, simulator::feed_format> formats{
    {"eventList", simulator::feed_format::event_list},
    {"planList", simulator::feed_format::plan_list}};
  command->add_option("--format", feed.format, "eventList (default) or planList")
    ->transform(CLI::CheckedTransformer(formats).description(""))
    ->type_name("FORMAT");
  command->add_option("--chaos", options->chaos,
                      "Kinds with commas between them: slow, down, truncate, garbage, flap");
  command
    ->add_option("--chaos-share", options->settings.share,
                 "Percent of the requests that each kind of chaos comes over; flap takes every "
                 "second one")
    ->capture_default_str()
    ->check(CLI::Range(0, 100));
  command
    ->add_option("--change-every", options->change_every,
                 "Seconds until some events change, go and come; 0: never")
    ->capture_default_str()
    ->check(CLI::Range(0, 86'400));
}

} // namespace troupe
