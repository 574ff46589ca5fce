#pragma once

#include <chrono>
#include <pqxx/connection>
#include <string>
#include <utility>
#include <vector>

struct pg_conn;

namespace troupe::postgres {

/// How a connection is opened. What the DSN says itself about time-outs and keep-alives wins, except
/// for the application name.
struct dial_options {
  std::string application_name;            ///< a node's incarnation, so that others may end it
  std::chrono::seconds connect_timeout{5}; ///< at least 2 (libpq's own bound)
  std::chrono::milliseconds tcp_user_timeout{
    5'000};                                       ///< unacknowledged data older than this: broken
  std::chrono::milliseconds statement_timeout{0}; ///< 0: none
  std::chrono::milliseconds idle_in_transaction_timeout{1'000};
  std::vector<std::pair<std::string, std::string>> planner; ///< more session settings
};

/// An open connection. `raw` is the same connection as `session`, for what pqxx does not offer; it
/// dies with it.
struct dialed {
  pqxx::connection session;
  pg_conn* raw = nullptr;
};

/// Opens a connection whose commits are durable and whose session cannot hold locks while idle.
/// Blocks up to the connect time-out. Throws `pqxx::broken_connection`, also for a malformed DSN.
dialed dial(const std::string& dsn, const dial_options& options);

/// The host, port and database of a DSN, for logs: never the user or the password.
std::string describe_dsn(const std::string& dsn);

} // namespace troupe::postgres
