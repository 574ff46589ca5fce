#pragma once

#include <filesystem>

#include "app/exit_code.hpp"
#include "config/load.hpp"

namespace troupe {

struct serve_options {
  /// Written as a whole once requests are answered: `{"url": …, "admin_url": …, "pid": …}`. Empty: none.
  std::filesystem::path ready_file;
};

/// Keeps SIGTERM and SIGINT for `serve`. Call before the process starts its first thread, the log's included:
/// a thread that does not block them would be ended by them.
void hold_shutdown_signals();

/// Runs a node until SIGTERM or SIGINT and the drain that follows; a second signal ends the process at
/// once. The configuration has what serving needs.
exit_code serve(const configuration& config, const serve_options& options);

} // namespace troupe
