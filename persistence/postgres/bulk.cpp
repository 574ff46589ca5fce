#include "persistence/postgres/bulk.hpp"

#include <bit>
#include <libpq-fe.h>
#include <pqxx/except>
#include <utility>

#include "persistence/postgres/dial.hpp"

namespace troupe::postgres {

namespace {

using namespace std::chrono_literals;

/// Sent to the server when that much has come together.
constexpr std::size_t chunk = 128 * 1024;

failure problem(errc code, std::string detail) {
  return {code, std::move(detail), {}, std::nullopt};
}

struct clear {
  void operator()(PGresult* result) const noexcept { PQclear(result); }
};
using owned_result = std::unique_ptr<PGresult, clear>;

template <class T>
void append_big_endian(std::string& out, T value) {
  if constexpr (std::endian::native == std::endian::little) value = std::byteswap(value);
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

template <class T>
void append_field(std::string& out, T value) {
  append_big_endian(out, static_cast<std::int32_t>(sizeof value));
  append_big_endian(out, value);
}

} // namespace

struct bulk_connection::open_link {
  dialed connection;
};

bulk_connection::bulk_connection(const database_address& address, std::string_view application_name)
  : name_(address.name) {
  dial_options options;
  options.application_name = application_name;
  options.statement_timeout = 0ms;           // an index over millions of rows takes its time
  options.idle_in_transaction_timeout = 0ms; // so does a slower database that this one waits for
  options.tcp_user_timeout = 10min;          // and a checkpoint in the middle of a COPY
  try {
    link_ = std::make_unique<open_link>(dial(address.dsn, options));
  } catch (const pqxx::failure& error) {
    throw problem(errc::storage_unavailable, "database " + name_ + ": " + error.what());
  }
  distributed_ = address.placement == database_placement::citus;
}

bulk_connection::~bulk_connection() = default;
bulk_connection::bulk_connection(bulk_connection&&) noexcept = default;

pg_conn* bulk_connection::raw() const noexcept { return link_->connection.raw; }

void bulk_connection::broken() const {
  const auto code = PQstatus(raw()) == CONNECTION_OK ? errc::internal : errc::storage_unavailable;
  throw problem(code, "database " + name_ + ": " + PQerrorMessage(raw()));
}

void bulk_connection::run(const std::string& sql) {
  const owned_result result{PQexec(raw(), sql.c_str())};
  const auto status = PQresultStatus(result.get());
  if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && status != PGRES_COPY_IN) broken();
}

std::vector<std::vector<std::string>> bulk_connection::rows(const std::string& sql) {
  const owned_result result{PQexec(raw(), sql.c_str())};
  if (PQresultStatus(result.get()) != PGRES_TUPLES_OK) broken();
  std::vector<std::vector<std::string>> found(static_cast<std::size_t>(PQntuples(result.get())));
  for (int row = 0; row < PQntuples(result.get()); ++row)
    for (int column = 0; column < PQnfields(result.get()); ++column)
      found[static_cast<std::size_t>(row)].emplace_back(PQgetvalue(result.get(), row, column));
  return found;
}

std::string bulk_connection::ask(const std::string& sql) { return rows(sql).at(0).at(0); }

copy_stream::copy_stream(bulk_connection& into, std::string_view table, std::string_view columns,
                         bool frozen, const std::atomic<bool>& stop)
  : into_(into), stop_(stop) {
  for (char c : columns) columns_ += c == ',';
  into.run("copy troupe." + std::string{table} + " (" + std::string{columns} +
           ") from stdin with (format binary" + (frozen ? ", freeze)" : ")"));
  buffer_.reserve(chunk + 1'024);
  buffer_.append("PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0", 19);
}

copy_stream& copy_stream::row() {
  if (buffer_.size() >= chunk) flush();
  append_big_endian(buffer_, columns_);
  return *this;
}

copy_stream& copy_stream::add(std::int16_t value) {
  append_field(buffer_, value);
  return *this;
}

copy_stream& copy_stream::add(std::int32_t value) {
  append_field(buffer_, value);
  return *this;
}

copy_stream& copy_stream::add(std::int64_t value) {
  append_field(buffer_, value);
  return *this;
}

copy_stream& copy_stream::add(bool value) {
  append_field(buffer_, static_cast<std::int8_t>(value));
  return *this;
}

copy_stream& copy_stream::add(std::string_view value) {
  append_big_endian(buffer_, static_cast<std::int32_t>(value.size()));
  buffer_.append(value);
  return *this;
}

copy_stream& copy_stream::add(const uuid& id) {
  return add(std::string_view{reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size()});
}

copy_stream& copy_stream::add(timestamp time) {
  constexpr std::int64_t postgres_epoch_ms = 946'684'800'000; // 2000-01-01T00:00:00Z
  return add((time.unix_ms - postgres_epoch_ms) * 1'000);
}

copy_stream& copy_stream::add_null() {
  append_big_endian(buffer_, std::int32_t{-1});
  return *this;
}

void copy_stream::flush() {
  if (stop_.load(std::memory_order_relaxed)) throw problem(errc::internal, "the copy was stopped");
  if (PQputCopyData(into_.raw(), buffer_.data(), static_cast<int>(buffer_.size())) != 1)
    into_.broken();
  buffer_.clear();
}

void copy_stream::finish() {
  append_big_endian(buffer_, std::int16_t{-1});
  flush();
  if (PQputCopyEnd(into_.raw(), nullptr) != 1) into_.broken();
  bool failed = false;
  while (const owned_result result{PQgetResult(into_.raw())})
    failed = failed || PQresultStatus(result.get()) != PGRES_COMMAND_OK;
  if (failed) into_.broken();
}

} // namespace troupe::postgres
