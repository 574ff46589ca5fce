#include "gateway/route.hpp"
#include "gateway/routes/accounts.hpp"

namespace troupe::gateway {

namespace {

views::player view_of(player_profile&& profile) {
  return {profile.id, std::move(profile.name), profile.created_at};
}

void reply_profile(context& c, std::uint16_t status, player_profile&& profile) {
  c.version(profile.version);
  c.reply(status, view_of(std::move(profile)));
}

/// The version a change of the player must meet: what If-Match says, in the form actors know.
task<result<std::optional<std::int64_t>>> wanted_version(context& c, uuid player_id) {
  constexpr std::int64_t no_version = 0; // versions start at 1
  using answer = result<std::optional<std::int64_t>>;
  if (!c.request().has(http::field::if_match)) co_return answer{std::nullopt};
  auto wanted = c.if_match();
  if (wanted.any) co_return answer{std::nullopt};
  if (wanted.versions.empty()) co_return answer{no_version};
  if (wanted.versions.size() == 1) co_return answer{wanted.versions.front()};
  auto profile = co_await c.ask<player_actor>(player_id, c.make_read(), read_player{player_id});
  if (!profile) co_return std::unexpected(std::move(profile.error()));
  for (auto version : wanted.versions)
    if (version == profile->version) co_return answer{version};
  co_return answer{no_version};
}

task<result<void>> sign_up(context& c) {
  auto request = c.body<views::sign_up>();
  if (!request) co_return std::unexpected(std::move(request.error()));
  if (auto wrong = wrong_password(request->password, "/password"))
    co_return std::unexpected(std::move(*wrong));
  auto id = co_await claim_account(c, account_kind::player);
  if (!id) co_return std::unexpected(std::move(id.error()));

  // The name before the password: refusing a taken name costs no hash.
  auto key = fold_name(request->name);
  account_ref account{account_kind::player, *id};
  auto reserved = co_await c.ask<directory_actor>(key, c.make_call(), reserve_name{key, account});
  if (!reserved) co_return std::unexpected(std::move(reserved.error()));
  auto hash = co_await hash_in_pool(c, std::move(request->password));
  if (!hash) {
    // Nothing was created and, as the operation is ours alone, nobody else will: free the name.
    // Under a client's key another attempt may be on its way; there the directory settles what
    // became of it.
    if (!c.keyed()) {
      auto released = co_await c.ask<directory_actor>(key, c.make_read(),
                                                      release_name{key, account, c.op_id()});
      static_cast<void>(released); // failing that, the directory settles it when somebody asks
    }
    co_return std::unexpected(std::move(hash.error()));
  }
  auto created = co_await c.ask<player_actor>(*id, c.make_call(),
                                              create_player{*id, request->name, std::move(*hash)});
  if (!created) co_return std::unexpected(std::move(created.error()));
  c.replayed(created->replayed);
  c.location("/v1/players/" + to_string(created->value.id));
  reply_profile(c, 201, std::move(created->value));
  co_return result<void>{};
}

task<result<void>> reply_player(context& c, uuid id) {
  auto profile = co_await c.ask<player_actor>(id, c.make_read(), read_player{id});
  if (!profile) co_return std::unexpected(std::move(profile.error()));
  reply_profile(c, 200, std::move(*profile));
  co_return result<void>{};
}

task<result<void>> get_me(context& c) {
  auto profile = co_await c.ask<player_actor>(c.who().account_id, c.make_read(),
                                              read_player{c.who().account_id});
  if (!profile) co_return std::unexpected(std::move(profile.error()));
  reply_profile(c, 200, std::move(*profile));
  co_return result<void>{};
}

task<result<void>> get_player(context& c) {
  auto id = c.path_id(0);
  if (!id) co_return fail(errc::no_such_player);
  co_return co_await reply_player(c, *id);
}

/// Whether the client knows the present password; guesses count like failed log-ins.
task<result<void>> check_current_password(context& c, std::string current, std::string next) {
  const auto id = c.who().account_id;
  auto account = "id:" + to_string(id);
  auto verdict = co_await c.ask_actor(c.node().guard, check_login{account, c.client_address()});
  if (verdict && !verdict->allowed)
    co_return std::unexpected(failure{errc::locked_out, {}, {}, verdict->retry_after_s});
  auto secret = co_await c.ask<player_actor>(id, c.make_read(), read_credentials{id});
  if (!secret) co_return std::unexpected(std::move(secret.error()));
  auto matches = co_await verify_in_pool(c, std::move(current), secret->password_hash);
  if (!matches) co_return std::unexpected(std::move(matches.error()));
  if (!*matches && c.keyed()) {
    // A repeated request finds that the present password is the new one; the ledger then has its
    // answer.
    matches = co_await verify_in_pool(c, std::move(next), secret->password_hash);
    if (!matches) co_return std::unexpected(std::move(matches.error()));
  }
  auto recorded = co_await c.ask_actor(c.node().guard,
                                       record_login{account, c.client_address(), *matches});
  static_cast<void>(recorded);
  if (!*matches)
    co_return std::unexpected(
      failure{errc::invalid_field, {}, {{"/current_password", "is not the present password"}}, {}});
  co_return result<void>{};
}

task<result<void>> patch_me(context& c) {
  auto request = c.body<views::player_change>();
  if (!request) co_return std::unexpected(std::move(request.error()));
  const auto id = c.who().account_id;
  update_player update;
  update.id = id;
  update.keep_session = c.who().session_id;
  auto version = co_await wanted_version(c, id);
  if (!version) co_return std::unexpected(std::move(version.error()));
  update.if_version = *version;

  if (request->password) {
    if (!request->current_password)
      co_return std::unexpected(
        failure{errc::invalid_field, {}, {{"/current_password", "is required with password"}}, {}});
    if (auto wrong = wrong_password(*request->password, "/password"))
      co_return std::unexpected(std::move(*wrong));
    auto checked = co_await check_current_password(c, std::move(*request->current_password),
                                                   *request->password);
    if (!checked) co_return checked;
    auto hash = co_await hash_in_pool(c, std::move(*request->password));
    if (!hash) co_return std::unexpected(std::move(hash.error()));
    update.password_hash = std::move(*hash);
  } else if (request->current_password) {
    co_return std::unexpected(
      failure{errc::invalid_field, {}, {{"/password", "is required with current_password"}}, {}});
  }
  if (request->name) {
    auto key = fold_name(*request->name);
    account_ref account{account_kind::player, id};
    auto reserved = co_await c.ask<directory_actor>(key, c.make_call(), reserve_name{key, account});
    if (!reserved) co_return std::unexpected(std::move(reserved.error()));
    update.name = std::move(request->name);
  }
  auto updated = co_await c.ask<player_actor>(id, c.make_call(), std::move(update));
  if (!updated) co_return std::unexpected(std::move(updated.error()));
  co_await revoke(c, std::move(updated->value.ended_sessions));
  c.replayed(updated->replayed);
  reply_profile(c, 200, std::move(updated->value.profile));
  co_return result<void>{};
}

task<result<void>> delete_me(context& c) {
  const auto id = c.who().account_id;
  auto version = co_await wanted_version(c, id);
  if (!version) co_return std::unexpected(std::move(version.error()));
  auto deleted = co_await c.ask<player_actor>(id, c.make_call(), delete_player{id, *version});
  if (!deleted) co_return std::unexpected(std::move(deleted.error()));
  auto ended = std::move(deleted->value.ended_sessions);
  ended.push_back(c.who().session_id);
  co_await revoke(c, std::move(ended));
  c.replayed(deleted->replayed);
  c.reply_empty(204);
  co_return result<void>{};
}

} // namespace

std::vector<route> player_routes() {
  return {
    {.verb = http::method::post,
     .path = "/v1/players",
     .id = "signUp",
     .tag = "Players",
     .summary = "Sign up",
     .description =
       "Creates a player. Names are unique over the whole cluster, without regard to case.",
     .takes = request_body::described,
     .body = &shape_of<views::sign_up>(),
     .answers = {{201, "The new player", &shape_of<views::player>(), true}},
     .problems = {errc::name_taken},
     .handle = sign_up},
    {.verb = http::method::get,
     .path = "/v1/players/me",
     .id = "readMe",
     .tag = "Players",
     .summary = "Read one's own profile",
     .description = "",
     .roles = only(role::player),
     .answers = {{200, "The profile", &shape_of<views::player>()}},
     .problems = {errc::no_such_player},
     .versioned = true,
     .handle = get_me},
    {.verb = http::method::patch,
     .path = "/v1/players/me",
     .id = "changeMe",
     .tag = "Players",
     .summary = "Change one's name or password",
     .description =
       "Members that are not sent, or null, stay as they are. A new password needs the present "
       "one and ends every other session.",
     .roles = only(role::player),
     .takes = request_body::described,
     .body = &shape_of<views::player_change>(),
     .answers = {{200, "The changed profile", &shape_of<views::player>()}},
     .problems = {errc::name_taken, errc::no_such_player, errc::locked_out},
     .versioned = true,
     .handle = patch_me},
    {.verb = http::method::delete_,
     .path = "/v1/players/me",
     .id = "deleteMe",
     .tag = "Players",
     .summary = "Delete one's own account",
     .description = "The name becomes free, every token is dead, the library leaves every list.",
     .roles = only(role::player),
     .answers = {{204, "The account is deleted", nullptr}},
     .problems = {errc::no_such_player},
     .versioned = true,
     .handle = delete_me},
    {.verb = http::method::get,
     .path = "/v1/players/{player_id}",
     .id = "readPlayer",
     .tag = "Players",
     .summary = "Read a player's public profile",
     .description = "",
     .roles = any_role,
     .answers = {{200, "The profile", &shape_of<views::player>()}},
     .problems = {errc::no_such_player},
     .versioned = true,
     .handle = get_player},
  };
}

} // namespace troupe::gateway
