#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/timestamp.hpp"
#include "base/uuid.hpp"
#include "persistence/migrations.hpp"

struct pg_conn;

// For programs that move whole tables, one connection and one thread to a database. Not for
// serving: every call blocks as long as the database needs. What goes wrong is thrown as a
// `failure`, whose detail is for the operator.

namespace troupe::postgres {

class bulk_connection {
public:
  /// Opens the connection; nothing on it times out but the dial.
  bulk_connection(const database_address& address, std::string_view application_name);
  ~bulk_connection();
  bulk_connection(bulk_connection&&) noexcept;
  bulk_connection& operator=(bulk_connection&&) = delete;

  const std::string& name() const noexcept { return name_; }
  /// Whether the tables are distributed by Citus.
  bool distributed() const noexcept { return distributed_; }

  void run(const std::string& sql);
  /// The rows of a query, as text; null as empty.
  std::vector<std::vector<std::string>> rows(const std::string& sql);
  /// The one value of a query.
  std::string ask(const std::string& sql);

private:
  friend class copy_stream;
  struct open_link;

  pg_conn* raw() const noexcept;
  [[noreturn]] void broken() const;

  std::string name_;
  std::unique_ptr<open_link> link_;
  bool distributed_ = false;
};

/// One COPY into a table of the schema `troupe` in the binary format.
/// Source: PostgreSQL's manual, "COPY", "Binary Format".
class copy_stream {
public:
  /// `columns` as in SQL. `frozen`: the transaction has truncated the table, so its rows may be
  /// written as old ones, which readers need not mark as committed later. When `stop` becomes true,
  /// the copy ends with a failure.
  copy_stream(bulk_connection& into, std::string_view table, std::string_view columns, bool frozen,
              const std::atomic<bool>& stop);

  /// Begins the next row; then `add` once per column, in order and with the column's exact type.
  copy_stream& row();
  copy_stream& add(std::int16_t value);
  copy_stream& add(std::int32_t value);
  copy_stream& add(std::int64_t value);
  copy_stream& add(bool value);
  copy_stream& add(std::string_view value);
  copy_stream& add(const char*) = delete; // would go to bool
  copy_stream& add(const uuid& id);
  copy_stream& add(timestamp time);
  copy_stream& add_null();

  /// Waits until the server has all rows.
  void finish();

private:
  void flush();

  bulk_connection& into_;
  const std::atomic<bool>& stop_;
  std::int16_t columns_ = 1;
  std::string buffer_;
};

} // namespace troupe::postgres
