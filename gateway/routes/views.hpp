#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/json.hpp"
#include "base/timestamp.hpp"
#include "base/uuid.hpp"

// What clients send and get, with the rules for it. The names are those of the API's document.

namespace troupe::gateway::views {

struct nothing {};

// -- accounts -------------------------------------------------------------------------------------

struct sign_up {
  std::string name;
  std::string password;
};

struct player {
  uuid id;
  std::string name;
  timestamp created_at;
};

struct player_change {
  std::optional<std::string> name;
  std::optional<std::string> password;
  std::optional<std::string> current_password;
};

struct token_request {
  std::string grant_type;
  std::optional<std::string> username;
  std::optional<std::string> password;
  std::optional<std::string> refresh_token;
  std::optional<std::string> scope;
  std::optional<std::string> client_id;
  std::optional<std::string> client_secret;
};

struct token_pair {
  std::string access_token;
  std::string token_type;
  std::int64_t expires_in = 0;
  std::string refresh_token;
  std::int64_t refresh_expires_in = 0;
};

struct revocation {
  std::string token;
  std::optional<std::string> token_type_hint;
  std::optional<std::string> client_id;
  std::optional<std::string> client_secret;
};

// -- the catalogue --------------------------------------------------------------------------------

struct named {
  uuid id;
  std::string name;
};

struct game {
  uuid id;
  std::string name;
  named studio;
};

struct new_game {
  std::string name;
};

struct studio {
  uuid id;
  std::string name;
  timestamp created_at;
};

struct new_owner {
  std::string username;
  std::string password;
};

struct new_studio {
  std::string name;
  new_owner owner;
};

struct owner {
  uuid id;
  std::string username;
};

struct created_studio {
  uuid id;
  std::string name;
  timestamp created_at;
  views::owner owner;
};

struct publisher {
  uuid id;
  std::string username;
  timestamp created_at;
};

// -- libraries ------------------------------------------------------------------------------------

struct library_entry {
  views::game game;
  timestamp registered_at;
};

struct registration {
  views::game game;
  named player;
};

struct popularity {
  views::game game;
  std::int64_t players_count = 0;
};

// -- pages ----------------------------------------------------------------------------------------

struct page_request {
  std::optional<std::uint32_t> limit;
  std::optional<std::string> cursor;
};

struct studio_players_request {
  std::optional<uuid> game_id;
  std::optional<std::uint32_t> limit;
  std::optional<std::string> cursor;
};

struct publisher_players_request {
  std::optional<uuid> studio_id;
  std::optional<std::string> studio_name;
  std::optional<uuid> game_id;
  std::optional<std::uint32_t> limit;
  std::optional<std::string> cursor;
};

struct library_page {
  std::vector<library_entry> items;
  std::optional<std::string> next;
};
struct game_page {
  std::vector<game> items;
  std::optional<std::string> next;
};
struct studio_page {
  std::vector<studio> items;
  std::optional<std::string> next;
};
struct registration_page {
  std::vector<registration> items;
  std::optional<std::string> next;
};
struct popularity_page {
  std::vector<popularity> items;
  std::optional<std::string> next;
};

inline constexpr std::uint32_t default_limit = 20;

// Rules that several types share.
inline constexpr const char* account_name_pattern = "^[A-Za-z0-9][A-Za-z0-9_.-]{2,31}$";
/// No control characters, no space at either end.
inline constexpr const char* title_pattern =
  "^[^\\x00-\\x20\\x7f]([^\\x00-\\x1f\\x7f]*[^\\x00-\\x20\\x7f])?$";

inline glz::schema account_name(std::string_view description, std::string_view example) {
  return {.description = description,
          .examples = std::vector{example},
          .minLength = std::uint64_t{3},
          .maxLength = std::uint64_t{32},
          .pattern = account_name_pattern};
}
inline glz::schema password_rule(std::string_view description) {
  return {.description = description,
          .examples = std::vector<std::string_view>{"correct horse battery"},
          .minLength = std::uint64_t{8},
          .maxLength = std::uint64_t{128}};
}
inline glz::schema title(std::string_view description, std::string_view example) {
  return {.description = description,
          .examples = std::vector{example},
          .minLength = std::uint64_t{1},
          .maxLength = std::uint64_t{100},
          .pattern = title_pattern};
}
inline glz::schema described(std::string_view description, std::string_view example) {
  return {.description = description, .examples = std::vector{example}};
}
inline glz::schema only_described(std::string_view description) {
  return {.description = description};
}
inline glz::schema limit_rule() {
  return {.description = "How many items a page has at most; 20 by default",
          .defaultValue = glz::schema::schema_any{std::int64_t{20}},
          .examples = std::vector<std::string_view>{"20"},
          .minimum = std::int64_t{1},
          .maximum = std::int64_t{100}};
}
inline glz::schema cursor_rule() {
  return {.description = "Where the page starts: `next` of the page before. Opaque",
          .maxLength = std::uint64_t{512}};
}
inline glz::schema next_rule() {
  return {.description = "The cursor of the next page; null on the last one"};
}

inline constexpr std::string_view example_id = "0195a6c4-7b1e-7c3a-9f42-3d1b5e8a6c01";
inline constexpr std::string_view example_studio_id = "0195a6c4-2f00-7a11-8d3e-91c2b4a7f002";
inline constexpr std::string_view example_game_id = "0195a6c4-5a80-7b22-b4c5-6e7f8a9b0c03";
inline constexpr std::string_view example_time = "2026-03-01T12:30:00.000Z";

} // namespace troupe::gateway::views

// NOLINTBEGIN: glaze finds these by the names of the members

template <>
struct glz::json_schema<troupe::gateway::views::sign_up> {
  schema name = troupe::gateway::views::account_name("Log-in name, unique without regard to case",
                                                     "ann");
  schema password = troupe::gateway::views::password_rule("8 to 128 bytes of UTF-8");
};

template <>
struct glz::json_schema<troupe::gateway::views::player> {
  schema id = troupe::gateway::views::described("UUIDv7", troupe::gateway::views::example_id);
  schema name = troupe::gateway::views::described("Log-in name as the player wrote it", "ann");
  schema created_at = troupe::gateway::views::described("When the player signed up",
                                                        troupe::gateway::views::example_time);
};

template <>
struct glz::json_schema<troupe::gateway::views::player_change> {
  schema name = troupe::gateway::views::account_name("A new log-in name", "ann.lee");
  schema password = troupe::gateway::views::password_rule(
    "A new password, 8 to 128 bytes of UTF-8; ends every other session");
  schema current_password = {.description = "The present password, required with `password`",
                             .examples = std::vector<std::string_view>{"an older password"},
                             .maxLength = std::uint64_t{128}};
};

template <>
struct glz::json_schema<troupe::gateway::views::token_request> {
  schema grant_type = {
    .description =
      "`password` with `username` and `password`, or `refresh_token` with `refresh_token`",
    .examples = std::vector<std::string_view>{"password"},
    .maxLength = std::uint64_t{64}};
  schema username = {.description = "Name of a player or of a member of staff",
                     .examples = std::vector<std::string_view>{"ann"},
                     .maxLength = std::uint64_t{128}};
  schema password = {.description = "The account's password",
                     .examples = std::vector<std::string_view>{"correct horse battery"},
                     .maxLength = std::uint64_t{1024}};
  schema refresh_token = {.description = "The refresh token of the last answer; good for one use",
                          .maxLength = std::uint64_t{256}};
  schema scope = {.description = "Ignored: the account's role decides",
                  .maxLength = std::uint64_t{256}};
  schema client_id = {.description = "Ignored", .maxLength = std::uint64_t{256}};
  schema client_secret = {.description = "Ignored", .maxLength = std::uint64_t{256}};
};

template <>
struct glz::json_schema<troupe::gateway::views::token_pair> {
  schema access_token = troupe::gateway::views::described(
    "A signed JWT for the Authorization field",
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.e30.c2lnbmF0dXJl");
  schema token_type = troupe::gateway::views::described("Always `Bearer`", "Bearer");
  schema expires_in = troupe::gateway::views::described("Seconds the access token is good for",
                                                        "900");
  schema refresh_token = troupe::gateway::views::described(
    "Exchanges for the next pair, once", "AAGVpsR7Hnw6n0I9G16KbAEBlabEWoB7IrTFbn-KmwwD");
  schema refresh_expires_in = troupe::gateway::views::described(
    "Seconds the refresh token is good for", "2592000");
};

template <>
struct glz::json_schema<troupe::gateway::views::revocation> {
  schema token = {.description = "A refresh or access token of the session to end",
                  .maxLength = std::uint64_t{2048}};
  schema token_type_hint = {.description = "Ignored: tokens are told apart by their form",
                            .maxLength = std::uint64_t{64}};
  schema client_id = {.description = "Ignored", .maxLength = std::uint64_t{256}};
  schema client_secret = {.description = "Ignored", .maxLength = std::uint64_t{256}};
};

template <>
struct glz::json_schema<troupe::gateway::views::named> {
  schema id = troupe::gateway::views::described("UUIDv7",
                                                troupe::gateway::views::example_studio_id);
  schema name = troupe::gateway::views::described("Its name", "Northwind");
};

template <>
struct glz::json_schema<troupe::gateway::views::game> {
  schema id = troupe::gateway::views::described("UUIDv7", troupe::gateway::views::example_game_id);
  schema name = troupe::gateway::views::described("Unique within its studio", "Harbour Lights");
  schema studio = troupe::gateway::views::only_described("Whose game it is");
};

template <>
struct glz::json_schema<troupe::gateway::views::new_game> {
  schema name = troupe::gateway::views::title("Unique within the studio", "Harbour Lights");
};

template <>
struct glz::json_schema<troupe::gateway::views::studio> {
  schema id = troupe::gateway::views::described("UUIDv7",
                                                troupe::gateway::views::example_studio_id);
  schema name = troupe::gateway::views::described("Unique without regard to case", "Northwind");
  schema created_at = troupe::gateway::views::described("When it was made",
                                                        troupe::gateway::views::example_time);
};

template <>
struct glz::json_schema<troupe::gateway::views::new_owner> {
  schema username = troupe::gateway::views::account_name(
    "Log-in name of the studio's first member of staff, unique among all accounts", "northwind");
  schema password = troupe::gateway::views::password_rule("8 to 128 bytes of UTF-8");
};

template <>
struct glz::json_schema<troupe::gateway::views::new_studio> {
  schema name = troupe::gateway::views::title("Unique without regard to case", "Northwind");
  schema owner = troupe::gateway::views::only_described("Who may log in for the studio");
};

template <>
struct glz::json_schema<troupe::gateway::views::owner> {
  schema id = troupe::gateway::views::described("UUIDv7", troupe::gateway::views::example_id);
  schema username = troupe::gateway::views::described("Log-in name", "northwind");
};

template <>
struct glz::json_schema<troupe::gateway::views::created_studio> {
  schema id = troupe::gateway::views::described("UUIDv7",
                                                troupe::gateway::views::example_studio_id);
  schema name = troupe::gateway::views::described("Its name", "Northwind");
  schema created_at = troupe::gateway::views::described("When it was made",
                                                        troupe::gateway::views::example_time);
};

template <>
struct glz::json_schema<troupe::gateway::views::publisher> {
  schema id = troupe::gateway::views::described("UUIDv7", troupe::gateway::views::example_id);
  schema username = troupe::gateway::views::described("Log-in name", "owner");
  schema created_at = troupe::gateway::views::described("When the account was made",
                                                        troupe::gateway::views::example_time);
};

template <>
struct glz::json_schema<troupe::gateway::views::library_entry> {
  schema registered_at = troupe::gateway::views::described("When the game came into the library",
                                                           troupe::gateway::views::example_time);
};

template <>
struct glz::json_schema<troupe::gateway::views::popularity> {
  schema players_count = troupe::gateway::views::described("Players who have the game now", "1207");
};

template <>
struct glz::json_schema<troupe::gateway::views::page_request> {
  schema limit = troupe::gateway::views::limit_rule();
  schema cursor = troupe::gateway::views::cursor_rule();
};

template <>
struct glz::json_schema<troupe::gateway::views::studio_players_request> {
  schema game_id = troupe::gateway::views::only_described(
    "Only players of this game of the studio");
  schema limit = troupe::gateway::views::limit_rule();
  schema cursor = troupe::gateway::views::cursor_rule();
};

template <>
struct glz::json_schema<troupe::gateway::views::publisher_players_request> {
  schema studio_id = troupe::gateway::views::only_described("Only players of this studio's games");
  schema studio_name = {.description = "The same by the studio's name, without regard to case",
                        .examples = std::vector<std::string_view>{"Northwind"},
                        .maxLength = std::uint64_t{400}};
  schema game_id = troupe::gateway::views::only_described("Only players of this game");
  schema limit = troupe::gateway::views::limit_rule();
  schema cursor = troupe::gateway::views::cursor_rule();
};

template <>
struct glz::json_schema<troupe::gateway::views::library_page> {
  schema next = troupe::gateway::views::next_rule();
};
template <>
struct glz::json_schema<troupe::gateway::views::game_page> {
  schema next = troupe::gateway::views::next_rule();
};
template <>
struct glz::json_schema<troupe::gateway::views::studio_page> {
  schema next = troupe::gateway::views::next_rule();
};
template <>
struct glz::json_schema<troupe::gateway::views::registration_page> {
  schema next = troupe::gateway::views::next_rule();
};
template <>
struct glz::json_schema<troupe::gateway::views::popularity_page> {
  schema next = troupe::gateway::views::next_rule();
};

// NOLINTEND
