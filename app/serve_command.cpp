#include <CLI/CLI.hpp>

#include "app/command_line.hpp"
#include "app/serve.hpp"

namespace troupe {

namespace {

serve_options& options() {
  static serve_options given;
  return given;
}

exit_code run(command_line& line) {
  hold_shutdown_signals();
  auto config = line.load(command_line::needs::serving);
  if (!config) return config.error();
  return serve(*config, options());
}

} // namespace

void add_serve_command(CLI::App& root, command_line& line) {
  auto* command = line.add(
    root, "serve",
    "Runs a node until SIGTERM or Ctrl-C: it then answers what is under way, gives its shards up "
    "and exits 0; a second signal ends it at once",
    "  troupe serve\n"
    "  troupe serve --http.port=8080 --log.level=debug\n"
    "  troupe --config /etc/troupe/troupe.toml serve --ready-file /run/troupe/ready.json",
    [&line] { return run(line); });
  line.add_setting_flags(*command);
  command->add_option("--ready-file", options().ready_file,
                      "Written once requests are answered: {\"url\", \"admin_url\", \"pid\"}");
}

} // namespace troupe
