#include "persistence/postgres/dial.hpp"

#include <algorithm>
#include <libpq-fe.h>
#include <memory>
#include <pqxx/except>
#include <string_view>
#include <utility>
#include <vector>

namespace troupe::postgres {

namespace {

struct conninfo_deleter {
  void operator()(PQconninfoOption* options) const noexcept { PQconninfoFree(options); }
};
struct conn_deleter {
  void operator()(PGconn* conn) const noexcept { PQfinish(conn); }
};

using parameters = std::vector<std::pair<std::string, std::string>>;

/// What the DSN itself sets; empty, with `why` filled, when it cannot be read.
parameters parse_dsn(const std::string& dsn, std::string& why) {
  char* message = nullptr;
  std::unique_ptr<PQconninfoOption, conninfo_deleter> options{
    PQconninfoParse(dsn.c_str(), &message)};
  if (!options) {
    // libpq's message quotes the DSN, and with it perhaps a password.
    why = "the connection string cannot be read";
    PQfreemem(message);
    return {};
  }
  parameters found;
  for (auto* option = options.get(); option->keyword != nullptr; ++option)
    if (option->val != nullptr) found.emplace_back(option->keyword, option->val);
  return found;
}

void set_default(parameters& params, std::string keyword, std::string value) {
  const auto has = std::ranges::any_of(params, [&](const auto& p) { return p.first == keyword; });
  if (!has) params.emplace_back(std::move(keyword), std::move(value));
}

std::string take(parameters& params, std::string_view keyword) {
  const auto found = std::ranges::find(params, keyword, &parameters::value_type::first);
  if (found == params.end()) return {};
  auto value = std::move(found->second);
  params.erase(found);
  return value;
}

} // namespace

dialed dial(const std::string& dsn, const dial_options& options) {
  std::string why;
  auto params = parse_dsn(dsn, why);
  if (!why.empty()) throw pqxx::broken_connection{why};
  // These hold for the whole session, whatever the server's or the role's defaults are, and come with
  // the first message. Compiling (JIT) never pays for statements of milliseconds.
  std::string session = take(params, "options");
  auto set = [&session](std::string_view name, std::string_view value) {
    session += " -c ";
    session += name;
    session += '=';
    session += value;
  };
  set("synchronous_commit", "on");
  set("idle_in_transaction_session_timeout",
      std::to_string(options.idle_in_transaction_timeout.count()));
  set("statement_timeout", std::to_string(options.statement_timeout.count()));
  set("jit", "off");
  for (const auto& [name, value] : options.planner) set(name, value);
  params.emplace_back("options", session);
  take(params, "application_name");
  params.emplace_back("application_name", options.application_name);
  set_default(params, "connect_timeout", std::to_string(options.connect_timeout.count()));
  set_default(params, "tcp_user_timeout", std::to_string(options.tcp_user_timeout.count()));
  set_default(params, "keepalives_idle", "5");
  set_default(params, "keepalives_interval", "2");
  set_default(params, "keepalives_count", "3");
  set_default(params, "client_encoding", "UTF8");

  std::vector<const char*> keywords;
  std::vector<const char*> values;
  for (const auto& [keyword, value] : params) {
    keywords.push_back(keyword.c_str());
    values.push_back(value.c_str());
  }
  keywords.push_back(nullptr);
  values.push_back(nullptr);

  std::unique_ptr<PGconn, conn_deleter> raw{PQconnectdbParams(keywords.data(), values.data(), 0)};
  if (!raw || PQstatus(raw.get()) != CONNECTION_OK)
    throw pqxx::broken_connection{raw ? PQerrorMessage(raw.get()) : "out of memory"};
  auto* handle = raw.get();
  return {pqxx::connection::seize_raw_connection(raw.release()), handle};
}

std::string describe_dsn(const std::string& dsn) {
  std::string why;
  std::string host, port, database;
  for (const auto& [keyword, value] : parse_dsn(dsn, why)) {
    if (keyword == "host" || (keyword == "hostaddr" && host.empty())) host = value;
    if (keyword == "port") port = value;
    if (keyword == "dbname") database = value;
  }
  if (!why.empty()) return why;
  return host + (port.empty() ? "" : ":" + port) + "/" + database;
}

} // namespace troupe::postgres
