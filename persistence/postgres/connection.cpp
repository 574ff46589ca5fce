#include "persistence/postgres/connection.hpp"

#include <algorithm>
#include <cerrno>
#include <libpq-fe.h>
#include <pqxx/except>
#include <sys/socket.h>
#include <utility>

#include "persistence/postgres/routed.hpp"

namespace troupe::postgres {

connection::connection(std::string dsn, dial_options options,
                       std::chrono::milliseconds round_trip_timeout, watchdog& dog,
                       database_placement placement)
  : dsn_(std::move(dsn)),
    options_(std::move(options)),
    round_trip_timeout_(round_trip_timeout),
    dog_(dog),
    placement_(placement) {}

std::expected<void, std::string> connection::open() {
  close();
  try {
    dialed_.emplace(dial(dsn_, options_));
  } catch (const std::exception& error) {
    return std::unexpected(std::string{error.what()});
  }
  backend_pid_ = PQbackendPID(dialed_->raw);
  return {};
}

void connection::close() noexcept {
  dialed_.reset();
  prepared_.clear();
}

bool connection::check() noexcept {
  if (!is_open()) return false;
  const auto silent = [this] {
    char byte = 0;
    return ::recv(PQsocket(dialed_->raw), &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 &&
           (errno == EAGAIN || errno == EWOULDBLOCK);
  };
  if (silent()) return true;
  // A notice or a changed setting may come unasked, too; behind a farewell comes the end.
  if (PQconsumeInput(dialed_->raw) == 1 && silent()) return true;
  close();
  return false;
}

sql_failure connection::lost() const {
  return {.lost = true, .message = PQerrorMessage(dialed_->raw)};
}

std::expected<std::vector<rows>, sql_failure> connection::run(std::span<const call> calls) {
  if (!is_open()) return std::unexpected(sql_failure{.lost = true, .message = "not connected"});
  auto results = [&] {
    const watchdog::guard guarded{dog_, PQsocket(dialed_->raw),
                                  watchdog::clock::now() + round_trip_timeout_};
    return exchange(calls);
  }();
  // Only now, with the guard gone, may the socket be closed.
  if (!results && results.error().lost) close();
  return results;
}

std::expected<std::vector<rows>, sql_failure> connection::exchange(std::span<const call> calls) {
  auto* raw = dialed_->raw;

  // Every message goes out before the first result is read. That cannot block both sides at once,
  // because our results are small: they fit the socket's buffers.
  struct expected_result {
    const call* of;
    bool preparation;
  };
  std::vector<expected_result> expected;
  expected.reserve(calls.size() + 4);
  if (PQenterPipelineMode(raw) != 1) return std::unexpected(lost());
  std::vector<const char*> values;
  std::vector<int> lengths;
  std::vector<int> formats;
  for (const auto& next : calls) {
    const auto already = prepared_.contains(next.what->name) ||
                         std::ranges::any_of(expected, [&](const auto& e) {
                           return e.preparation && e.of->what == next.what;
                         });
    if (!already) {
      const auto text = placement_ == database_placement::citus ? routed(next.what->sql)
                                                                : std::string{next.what->sql};
      if (PQsendPrepare(raw, next.what->name, text.c_str(), 0, nullptr) != 1)
        return std::unexpected(lost());
      expected.push_back({&next, true});
    }
    const auto arguments = next.arguments.values();
    values.clear();
    lengths.clear();
    formats.assign(arguments.size(), 1);
    for (const auto& argument : arguments) {
      values.push_back(argument.data());
      lengths.push_back(static_cast<int>(argument.size()));
    }
    if (PQsendQueryPrepared(raw, next.what->name, static_cast<int>(arguments.size()), values.data(),
                            lengths.data(), formats.data(), 1) != 1)
      return std::unexpected(lost());
    expected.push_back({&next, false});
  }
  if (PQpipelineSync(raw) != 1) return std::unexpected(lost());

  std::vector<rows> results;
  results.reserve(calls.size());
  std::optional<sql_failure> failed;
  for (const auto& [of, preparation] : expected) {
    auto* result = PQgetResult(raw);
    if (result == nullptr) return std::unexpected(lost());
    rows owned{result};
    const auto status = PQresultStatus(result);
    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) {
      if (preparation)
        prepared_.insert(of->what->name);
      else
        results.push_back(std::move(owned));
    } else if (PQstatus(raw) == CONNECTION_BAD) {
      return std::unexpected(lost());
    } else if (status != PGRES_PIPELINE_ABORTED && !failed) {
      const char* state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
      failed = sql_failure{.lost = false,
                           .sqlstate = state != nullptr ? state : "",
                           .message = PQresultErrorMessage(result),
                           .statement = of->what->name};
    }
    // Each command's results end with a null, which comes even when the connection is lost.
    if (auto* more = PQgetResult(raw); more != nullptr) {
      PQclear(more);
      return std::unexpected(lost());
    }
  }
  auto* sync = PQgetResult(raw);
  const bool synced = sync != nullptr && PQresultStatus(sync) == PGRES_PIPELINE_SYNC;
  PQclear(sync);
  if (!synced || PQexitPipelineMode(raw) != 1) return std::unexpected(lost());
  if (failed) return std::unexpected(std::move(*failed));
  return results;
}

} // namespace troupe::postgres
