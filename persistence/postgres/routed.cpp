#include "persistence/postgres/routed.hpp"

#include <cctype>

#include "persistence/postgres/schema.hpp"

namespace troupe::postgres {

namespace {

constexpr std::string_view the_shard = "($1::int[])[1]";
constexpr std::string_view joined = ".shard_id = w.shard_id";
constexpr std::string_view inserted = "\nselect * from unnest(";

bool in_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

std::string with_routed_joins(std::string_view sql) {
  std::string text;
  while (true) {
    const auto at = sql.find(joined);
    if (at == sql.npos) return text.append(sql);
    auto name = at;
    while (name > 0 && in_word(sql[name - 1])) --name;
    const auto end = at + joined.size();
    text.append(sql.substr(0, end)).append(" and ").append(sql.substr(name, at - name));
    text.append(".shard_id = ").append(the_shard);
    sql.remove_prefix(end);
  }
}

/// The place behind the bracket that closes the one before `from`.
std::size_t behind_bracket(std::string_view sql, std::size_t from) {
  for (int depth = 1; from < sql.size(); ++from) {
    if (sql[from] == '(') ++depth;
    if (sql[from] == ')' && --depth == 0) return from + 1;
  }
  return from;
}

/// Which fence a table's rows belong to: of the family whose rows it holds, or of each row's own.
std::string family_of(std::string_view table) {
  for (const auto& m : migrations())
    for (const auto& statement : m.statements)
      if (statement.distribute == table && statement.holds)
        return "'" + std::string{to_string(*statement.holds)} + "'";
  return "w.family";
}

std::string with_routed_rows(std::string_view sql, std::size_t select) {
  constexpr std::string_view schema = "troupe.";
  const auto table = sql.find(schema) + schema.size();
  auto table_end = table;
  while (in_word(sql[table_end])) ++table_end;
  const auto columns = sql.find("(shard_id", table_end);
  const auto columns_end = behind_bracket(sql, columns + 1);
  const auto list = sql.substr(columns, columns_end - columns);
  const auto rows_end = behind_bracket(sql, select + inserted.size());

  std::string text{sql.substr(0, select)};
  text.append("\nselect f.shard_id");
  for (auto rest = list; rest.find(',') != rest.npos;) {
    rest.remove_prefix(rest.find(',') + 1);
    while (!in_word(rest.front())) rest.remove_prefix(1);
    text.append(", w.").append(rest.substr(0, rest.find_first_of(",)")));
  }
  text.append(" from troupe.shard_fence f, unnest(");
  text.append(sql.substr(select + inserted.size(), rows_end - select - inserted.size()));
  text.append(" as w ").append(list).append(" where f.shard_id = ").append(the_shard);
  text.append(" and f.family = ").append(family_of(sql.substr(table, table_end - table)));
  return text.append(sql.substr(rows_end));
}

} // namespace

std::string routed(std::string_view sql) {
  if (const auto select = sql.find(inserted); select != sql.npos)
    return with_routed_rows(sql, select);
  return with_routed_joins(sql);
}

} // namespace troupe::postgres
