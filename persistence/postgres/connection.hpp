#pragma once

#include <chrono>
#include <expected>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "persistence/database_placement.hpp"
#include "persistence/postgres/binary.hpp"
#include "persistence/postgres/dial.hpp"
#include "persistence/postgres/watchdog.hpp"

namespace troupe::postgres {

/// A named statement. The name is the prepared statement, the metric's label and the log field.
struct statement {
  const char* name;
  const char* sql;
};

struct call {
  const statement* what = nullptr;
  parameters arguments;
};

/// Why a round trip gave no result.
struct sql_failure {
  bool lost = false;    ///< the connection is gone; what was sent may or may not have been done
  std::string sqlstate; ///< of an error the server reported, on a connection that goes on
  std::string message;  ///< for logs only
  std::string_view statement; ///< the name of the one that failed; empty when lost
};

/// One connection for named statements, several of them in one round trip (libpq's pipeline mode, on
/// the connection that pqxx opened and owns). Used by one thread at a time. Errors are values; a lost
/// connection is closed at once and can be opened again.
class connection {
public:
  /// `round_trip_timeout`: after it the watchdog cuts the connection. On Citus all rows of a call must be
  /// of one shard.
  connection(std::string dsn, dial_options options, std::chrono::milliseconds round_trip_timeout,
             watchdog& dog, database_placement placement = database_placement::postgres);

  bool is_open() const noexcept { return dialed_.has_value(); }

  /// Blocks up to the connect time-out. The error is for logs.
  std::expected<void, std::string> open();
  void close() noexcept;

  /// False, and the connection is closed, when the server has ended it since the last round trip. Costs
  /// one system call.
  bool check() noexcept;

  /// The server's process for the connection that is open, or was last.
  int backend_pid() const noexcept { return backend_pid_; }

  /// Sends all calls at once and waits for all results. After a call that failed, the server skips the
  /// rest; outside of an explicit transaction all calls are one transaction of their own.
  std::expected<std::vector<rows>, sql_failure> run(std::span<const call> calls);

private:
  std::expected<std::vector<rows>, sql_failure> exchange(std::span<const call> calls);
  sql_failure lost() const;

  std::string dsn_;
  dial_options options_;
  std::chrono::milliseconds round_trip_timeout_;
  watchdog& dog_;
  database_placement placement_;
  std::optional<dialed> dialed_;
  int backend_pid_ = 0;
  std::set<std::string_view> prepared_;
};

} // namespace troupe::postgres
