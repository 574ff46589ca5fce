#include "persistence/postgres/shard_copy.hpp"

#include <libpq-fe.h>
#include <memory>
#include <pqxx/pqxx>
#include <stdexcept>

#include "persistence/postgres/schema.hpp"

namespace troupe::postgres {

namespace {

struct result_deleter {
  void operator()(PGresult* result) const noexcept { PQclear(result); }
};
using pg_result = std::unique_ptr<PGresult, result_deleter>;

struct buffer_deleter {
  void operator()(char* buffer) const noexcept { PQfreemem(buffer); }
};

bool has_family_column(std::string_view table) {
  for (const auto& m : migrations())
    for (const auto& statement : m.statements)
      if (statement.distribute == table) return !statement.holds;
  throw std::logic_error{"no migration makes that table"};
}

/// Numbers and names of the program's own, so they stand in the text: COPY takes no parameters.
std::string condition(std::string_view table, shard_ref ref) {
  auto text = " where shard_id = " + std::to_string(ref.shard);
  if (has_family_column(table)) text += " and family = '" + std::string{to_string(ref.fam)} + "'";
  return text;
}

std::string columns_of(pqxx::transaction_base& work, std::string_view table) {
  return work.query_value<std::string>(
    "select string_agg(quote_ident(attname), ', ' order by attnum) from pg_attribute"
    " where attrelid = ('troupe.' || $1::text)::regclass and attnum > 0 and not attisdropped",
    pqxx::params{table});
}

void expect(const dialed& on, const pg_result& got, ExecStatusType wanted) {
  if (PQresultStatus(got.get()) != wanted) throw std::runtime_error{PQerrorMessage(on.raw)};
}

/// Takes what follows the last buffer, too, so that the connection is free for the next statement.
void finish(const dialed& on) {
  expect(on, pg_result{PQgetResult(on.raw)}, PGRES_COMMAND_OK);
  while (pg_result more{PQgetResult(on.raw)}) {}
}

void stream(const dialed& source, const std::string& out, const dialed& target,
            const std::string& in) {
  expect(source, pg_result{PQexec(source.raw, out.c_str())}, PGRES_COPY_OUT);
  expect(target, pg_result{PQexec(target.raw, in.c_str())}, PGRES_COPY_IN);
  while (true) {
    char* buffer = nullptr;
    const int size = PQgetCopyData(source.raw, &buffer, 0);
    const std::unique_ptr<char, buffer_deleter> row{buffer};
    if (size == -1) break;
    if (size < 0) throw std::runtime_error{PQerrorMessage(source.raw)};
    if (PQputCopyData(target.raw, row.get(), size) != 1)
      throw std::runtime_error{PQerrorMessage(target.raw)};
  }
  finish(source);
  if (PQputCopyEnd(target.raw, nullptr) != 1) throw std::runtime_error{PQerrorMessage(target.raw)};
  finish(target);
}

} // namespace

std::vector<std::string_view> tables_of(family fam) {
  std::vector<std::string_view> tables;
  for (const auto& m : migrations())
    for (const auto& statement : m.statements)
      if (!statement.distribute.empty() && statement.distribute != "shard_fence" &&
          (!statement.holds || statement.holds == fam))
        tables.push_back(statement.distribute);
  return tables;
}

table_sum sum_of(pqxx::transaction_base& work, std::string_view table, shard_ref ref) {
  const auto sql = "select count(*), coalesce(sum(('x' || left(md5(row(" + columns_of(work, table) +
                   ")::text), 16))::bit(64)::bigint::numeric), 0) from troupe." +
                   std::string{table} + condition(table, ref);
  const auto [rows, sum] = work.query1<std::int64_t, std::string>(sql);
  return {rows, sum};
}

std::int64_t delete_rows(pqxx::transaction_base& work, shard_ref ref) {
  std::int64_t deleted = 0;
  for (const auto table : tables_of(ref.fam))
    deleted +=
      work.exec("delete from troupe." + std::string{table} + condition(table, ref)).affected_rows();
  return deleted;
}

std::int64_t copy_rows(dialed& source, pqxx::transaction_base& reading, dialed& target,
                       pqxx::transaction_base& writing, shard_ref ref) {
  std::int64_t rows = 0;
  for (const auto table : tables_of(ref.fam)) {
    const auto columns = columns_of(reading, table);
    const auto name = "troupe." + std::string{table};
    stream(source,
           "copy (select " + columns + " from " + name + condition(table, ref) + ") to stdout",
           target, "copy " + name + " (" + columns + ") from stdin");
    const auto sent = sum_of(reading, table, ref);
    if (sent != sum_of(writing, table, ref))
      throw std::runtime_error{"the copy of " + name + " differs from its source"};
    rows += sent.rows;
  }
  return rows;
}

} // namespace troupe::postgres
