#include "persistence/postgres/row_batch.hpp"

#include <array>
#include <functional>
#include <initializer_list>
#include <span>
#include <string>
#include <type_traits>

#include "persistence/postgres/statements.hpp"

namespace troupe::postgres {

namespace {

struct bulk_form {
  const statement* what;
  std::initializer_list<element> columns;
};

// The order of this table is the order of the statements.
enum place : std::size_t {
  delete_libraries,
  delete_library_entries,
  delete_account_sessions,
  delete_sessions,
  delete_names,
  delete_jobs,
  delete_answers,
  put_players,
  put_library_entries,
  add_to_counters,
  put_sessions,
  put_names,
  put_studios,
  put_games,
  put_staff,
  put_jobs,
  put_providers,
  put_provider_progress,
  put_events,
  put_event_zones,
  put_event_changes,
  put_answer_pieces,
  places,
};

using enum element;

constexpr std::initializer_list<element> shard_id{int4, element::uuid};
constexpr std::initializer_list<element> shard_id_id{int4, element::uuid, element::uuid};
constexpr std::initializer_list<element> shard_family_id{int4, text, element::uuid};
constexpr std::initializer_list<element> shard_family_id_id{int4, text, element::uuid,
                                                            element::uuid};
constexpr std::initializer_list<element> shard_text{int4, text};
constexpr std::initializer_list<element> player{int4,        element::uuid, text,   text,
                                                timestamptz, int8,          boolean};
constexpr std::initializer_list<element> library_entry_row{int4, element::uuid, element::uuid,
                                                           timestamptz};
constexpr std::initializer_list<element> counter{int4, element::uuid, int8};
constexpr std::initializer_list<element> session{int4,  text,  element::uuid, element::uuid,
                                                 bytea, bytea, timestamptz,   timestamptz};
constexpr std::initializer_list<element> name{int4, text, int2, int2, element::uuid, element::uuid};
constexpr std::initializer_list<element> studio{int4, element::uuid, text, timestamptz};
constexpr std::initializer_list<element> game{int4, element::uuid, element::uuid, text,
                                              timestamptz};
constexpr std::initializer_list<element> staff{int4, element::uuid, text,       text,
                                               int2, element::uuid, timestamptz};
constexpr std::initializer_list<element> job{int4, text, element::uuid, text, bytea};

constexpr std::initializer_list<element> provider{
  int4, element::uuid, text, text, text, int4, text, boolean, boolean, timestamptz, int8, int8};
constexpr std::initializer_list<element> progress{int4, element::uuid, bytea, bytea};
constexpr std::initializer_list<element> event{
  int4, element::uuid, text,    text,    element::uuid, text,        text, int8, int8,
  int8, int8,          boolean, boolean, boolean,       boolean,     int8, int8, int8,
  int8, int4,          bytea,   bytea,   timestamptz,   timestamptz, int8, int8};
constexpr std::initializer_list<element> event_zones{int4, element::uuid, bytea};
constexpr std::initializer_list<element> event_change{int4,        element::uuid, int8,
                                                      timestamptz, text,          bytea};
constexpr std::initializer_list<element> answer_piece{int4, element::uuid, int4, bytea};

constexpr std::array<bulk_form, places> forms{{
  {&sql::delete_libraries, shard_id},
  {&sql::delete_library_entries, shard_id_id},
  {&sql::delete_account_sessions, shard_family_id},
  {&sql::delete_sessions, shard_family_id_id},
  {&sql::delete_names, shard_text},
  {&sql::delete_jobs, shard_family_id},
  {&sql::delete_answers, shard_id},
  {&sql::put_players, player},
  {&sql::put_library_entries, library_entry_row},
  {&sql::add_to_counters, counter},
  {&sql::put_sessions, session},
  {&sql::put_names, name},
  {&sql::put_studios, studio},
  {&sql::put_games, game},
  {&sql::put_staff, staff},
  {&sql::put_jobs, job},
  {&sql::put_providers, provider},
  {&sql::put_provider_progress, progress},
  {&sql::put_events, event},
  {&sql::put_event_zones, event_zones},
  {&sql::put_event_changes, event_change},
  {&sql::put_answer_pieces, answer_piece},
}};

/// Null for none.
template <class T>
void add_value(array_parameter& column, const std::optional<T>& value) {
  if (!value)
    column.add_null();
  else if constexpr (std::is_same_v<T, std::string>)
    column.add(std::string_view{*value});
  else
    column.add(*value);
}
template <class T>
void add_value(array_parameter& column, const T& value) {
  if constexpr (std::is_same_v<T, std::string>)
    column.add(std::string_view{value});
  else if constexpr (std::is_same_v<T, std::array<std::uint8_t, 16>>)
    column.add(std::string_view{reinterpret_cast<const char*>(value.data()), value.size()});
  else
    column.add(value);
}

template <class... Values>
void add_row(std::vector<array_parameter>& columns, const Values&... values) {
  std::size_t column = 0;
  (add_value(columns[column++], values), ...);
}

template <class... Handlers>
struct overloaded : Handlers... {
  using Handlers::operator()...;
};

} // namespace

std::vector<array_parameter>& row_batch::at(std::size_t which) {
  if (bulks_.empty()) bulks_.resize(places);
  auto& slot = bulks_[which];
  if (!slot) {
    slot.emplace();
    for (auto type : forms[which].columns) slot->columns.emplace_back(type);
  }
  return slot->columns;
}

void row_batch::add(shard_ref ref, const row_change& change) {
  const auto shard = ref.shard;
  const auto fam = to_string(ref.fam);
  std::visit(
    overloaded{
      [&](const put_player& c) {
        add_row(at(put_players), shard, c.row.id, std::string_view{c.row.name},
                std::string_view{c.row.password_hash}, c.row.created_at, c.row.version,
                c.row.deleted);
      },
      [&](const put_library_entry& c) {
        add_row(at(put_library_entries), shard, c.player_id, c.row.game_id, c.row.registered_at);
      },
      [&](const delete_library_entry& c) {
        add_row(at(delete_library_entries), shard, c.player_id, c.game_id);
      },
      [&](const delete_library& c) { add_row(at(delete_libraries), shard, c.player_id); },
      [&](const add_to_counter& c) { counters_[{shard, c.game_id}] += c.delta; },
      [&](const put_session& c) {
        add_row(at(put_sessions), shard, fam, c.row.account_id, c.row.id, c.row.token_hash,
                c.row.previous_hash, c.row.created_at, c.row.expires_at);
      },
      [&](const delete_session& c) {
        add_row(at(place::delete_sessions), shard, fam, c.account_id, c.session_id);
      },
      [&](const struct delete_sessions& c) {
        add_row(at(delete_account_sessions), shard, fam, c.account_id);
      },
      [&](const put_name& c) {
        add_row(at(put_names), shard, std::string_view{c.row.key},
                static_cast<std::int16_t>(c.row.state),
                static_cast<std::int16_t>(c.row.account.kind), c.row.account.id, c.row.op_id);
      },
      [&](const delete_name& c) { add_row(at(delete_names), shard, std::string_view{c.key}); },
      [&](const put_studio& c) {
        add_row(at(put_studios), shard, c.row.id, std::string_view{c.row.name}, c.row.created_at);
      },
      [&](const put_game& c) {
        add_row(at(put_games), shard, c.row.id, c.row.studio_id, std::string_view{c.row.name},
                c.row.created_at);
      },
      [&](const struct put_staff& c) {
        auto& columns = at(place::put_staff);
        add_row(columns, shard, c.row.id, std::string_view{c.row.username},
                std::string_view{c.row.password_hash}, static_cast<std::int16_t>(c.row.role));
        if (c.row.studio_id)
          columns[5].add(*c.row.studio_id);
        else
          columns[5].add_null();
        columns[6].add(c.row.created_at);
      },
      [&](const put_job& c) {
        add_row(at(put_jobs), shard, fam, c.row.id, std::string_view{c.row.kind},
                std::string_view{c.row.payload});
      },
      [&](const delete_job& c) { add_row(at(delete_jobs), shard, fam, c.id); },
      [&](const put_provider& c) {
        add_row(at(put_providers), shard, c.row.id, c.row.name, c.row.url, c.row.format,
                static_cast<std::int32_t>(c.row.interval_s), c.row.time_zone, c.row.paused,
                c.row.deleted, c.row.created_at, c.row.version, c.row.seq);
      },
      [&](const struct put_provider_progress& c) {
        add_row(at(place::put_provider_progress), shard, c.row.provider_id, c.row.state,
                c.row.rejects);
      },
      [&](const put_event& c) {
        const auto& e = c.row;
        add_row(at(put_events), shard, e.provider_id, e.base_id, e.event_id, e.id, e.title,
                e.organizer_id, e.starts_at, e.ends_at, e.sell_from, e.sell_to, e.sold_out,
                e.online, e.ever_online, e.in_feed, e.min_price, e.max_price, e.min_available_price,
                e.max_available_price, e.zone_count, e.zones_digest, e.content_digest,
                e.first_seen_at, e.changed_at, e.version, e.seq);
        if (c.zones) add_row(at(put_event_zones), shard, e.id, *c.zones);
      },
      [&](const put_event_change& c) {
        add_row(at(put_event_changes), shard, c.row.event_id, c.row.version, c.row.at,
                c.row.changed, c.row.state);
      },
      [&](const put_answer_piece& c) {
        add_row(at(put_answer_pieces), shard, c.provider_id, c.place, c.bytes);
      },
      [&](const delete_answer& c) { add_row(at(delete_answers), shard, c.provider_id); },
    },
    change);
}

std::vector<call> row_batch::take() {
  // In the order of the map, hence of the primary key: rows of one shard lie together.
  for (const auto& [key, delta] : counters_)
    if (delta != 0) add_row(at(add_to_counters), key.first, key.second, delta);
  std::vector<call> calls;
  for (std::size_t i = 0; i < bulks_.size(); ++i) {
    if (!bulks_[i]) continue;
    auto& next = calls.emplace_back(call{forms[i].what, {}});
    for (auto& column : bulks_[i]->columns) next.arguments.add(std::move(column));
  }
  bulks_.clear();
  counters_.clear();
  return calls;
}

std::optional<std::uint64_t> subject_of(const row_change& change) {
  const std::hash<troupe::uuid> of_id;
  return std::visit(
    overloaded{
      [&](const put_player& c) -> std::optional<std::uint64_t> { return of_id(c.row.id); },
      [&](const put_library_entry& c) -> std::optional<std::uint64_t> {
        return of_id(c.player_id);
      },
      [&](const delete_library_entry& c) -> std::optional<std::uint64_t> {
        return of_id(c.player_id);
      },
      [&](const delete_library& c) -> std::optional<std::uint64_t> { return of_id(c.player_id); },
      [](const add_to_counter&) -> std::optional<std::uint64_t> { return std::nullopt; },
      [&](const put_session& c) -> std::optional<std::uint64_t> { return of_id(c.row.account_id); },
      [&](const delete_session& c) -> std::optional<std::uint64_t> { return of_id(c.account_id); },
      [&](const struct delete_sessions& c) -> std::optional<std::uint64_t> {
        return of_id(c.account_id);
      },
      [](const put_name& c) -> std::optional<std::uint64_t> {
        return std::hash<std::string_view>{}(c.row.key);
      },
      [](const delete_name& c) -> std::optional<std::uint64_t> {
        return std::hash<std::string_view>{}(c.key);
      },
      [&](const put_studio& c) -> std::optional<std::uint64_t> { return of_id(c.row.id); },
      [&](const put_game& c) -> std::optional<std::uint64_t> { return of_id(c.row.id); },
      [&](const struct put_staff& c) -> std::optional<std::uint64_t> { return of_id(c.row.id); },
      [&](const put_job& c) -> std::optional<std::uint64_t> { return of_id(c.row.id); },
      [&](const delete_job& c) -> std::optional<std::uint64_t> { return of_id(c.id); },
      [&](const put_provider& c) -> std::optional<std::uint64_t> { return of_id(c.row.id); },
      [&](const struct put_provider_progress& c) -> std::optional<std::uint64_t> {
        return of_id(c.row.provider_id);
      },
      [&](const put_event& c) -> std::optional<std::uint64_t> { return of_id(c.row.id); },
      [&](const put_event_change& c) -> std::optional<std::uint64_t> {
        return of_id(c.row.event_id);
      },
      [&](const put_answer_piece& c) -> std::optional<std::uint64_t> {
        return of_id(c.provider_id);
      },
      [&](const delete_answer& c) -> std::optional<std::uint64_t> { return of_id(c.provider_id); },
    },
    change);
}

bool is_delete(const row_change& change) noexcept {
  return std::holds_alternative<delete_library_entry>(change) ||
         std::holds_alternative<delete_library>(change) ||
         std::holds_alternative<delete_session>(change) ||
         std::holds_alternative<struct delete_sessions>(change) ||
         std::holds_alternative<delete_name>(change) ||
         std::holds_alternative<delete_job>(change) ||
         std::holds_alternative<delete_answer>(change);
}

std::size_t size_of(const row_change& change) noexcept {
  constexpr std::size_t fixed = 100; // ids, times and the arrays' lengths
  if (const auto* c = std::get_if<put_player>(&change))
    return fixed + c->row.name.size() + c->row.password_hash.size();
  if (const auto* c = std::get_if<put_job>(&change)) return fixed + c->row.payload.size();
  if (const auto* c = std::get_if<put_name>(&change)) return fixed + c->row.key.size();
  if (const auto* c = std::get_if<put_event>(&change))
    return 4 * fixed + c->row.title.size() + (c->zones ? c->zones->size() : 0);
  if (const auto* c = std::get_if<put_event_change>(&change)) return fixed + c->row.state.size();
  if (const auto* c = std::get_if<put_answer_piece>(&change)) return fixed + c->bytes.size();
  if (const auto* c = std::get_if<struct put_provider_progress>(&change))
    return fixed + c->row.state.size() + c->row.rejects.size();
  return fixed;
}

} // namespace troupe::postgres
