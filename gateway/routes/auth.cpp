#include "gateway/route.hpp"
#include "gateway/routes/accounts.hpp"

namespace troupe::gateway {

namespace {

using namespace std::chrono_literals;

timestamp after(timestamp from, std::chrono::milliseconds span) {
  return {from.unix_ms + span.count()};
}

failure missing(std::string_view parameter) {
  return {errc::invalid_field, {}, {{'?' + std::string{parameter}, "is required"}}, {}};
}

/// Who an account's tokens speak for. Nothing for a member of staff who is not in the catalogue.
std::optional<principal> principal_of(const context& c, const account_ref& account,
                                      const uuid& session_id) {
  if (account.kind == account_kind::player)
    return principal{account.id, session_id, role::player, {}};
  const auto catalog = c.node().catalog.current();
  const auto* staff = catalog->find_staff(account.id);
  if (!staff) return std::nullopt;
  return principal{account.id, session_id, role_of(staff->role), staff->studio_id};
}

result<void> reply_pair(context& c, const account_ref& account, const session_record& session,
                        const refresh_token& refresh) {
  auto who = principal_of(c, account, session.id);
  if (!who) return fail(errc::invalid_credentials);
  auto moment = now();
  auto access = c.node().tokens.issue(*who, moment);
  if (!access) return std::unexpected(std::move(access.error()));
  c.no_store();
  c.reply(200,
          views::token_pair{std::move(*access), "Bearer", c.node().tokens.lifetime().count(),
                            encode(refresh), (session.expires_at.unix_ms - moment.unix_ms) / 1000});
  return {};
}

task<result<outcome<session_opened>>> open(context& c, const account_ref& account,
                                           const session_record& session) {
  if (account.kind == account_kind::player)
    co_return co_await c.ask<player_actor>(account.id, c.make_call(), open_session{session});
  co_return co_await c.ask_only<catalog_actor>(c.make_call(), open_session{session});
}

/// The account of a name with its password's hash; an empty hash when there is none.
struct found_account {
  account_ref account;
  std::string encoded;
};
task<result<found_account>> find_account(context& c, const std::string& key) {
  // No account has such a name, and Postgres has no text with it.
  if (key.contains('\0')) co_return found_account{};
  auto account = co_await c.ask<directory_actor>(key, c.make_read(), lookup_name{key});
  if (!account) {
    if (account.error().code == errc::not_found) co_return found_account{};
    co_return std::unexpected(std::move(account.error()));
  }
  if (account->kind == account_kind::staff) {
    const auto catalog = c.node().catalog.current();
    const auto* staff = catalog->find_staff(account->id);
    co_return found_account{*account, staff ? staff->password_hash : std::string{}};
  }
  auto secret = co_await c.ask<player_actor>(account->id, c.make_read(),
                                             read_credentials{account->id});
  if (!secret) {
    if (secret.error().code == errc::no_such_player) co_return found_account{}; // not created yet
    co_return std::unexpected(std::move(secret.error()));
  }
  co_return found_account{*account, std::move(secret->password_hash)};
}

task<result<void>> log_in(context& c, views::token_request request) {
  if (!request.username) co_return std::unexpected(missing("username"));
  if (!request.password) co_return std::unexpected(missing("password"));
  auto key = fold_name(*request.username);
  auto verdict = co_await c.ask_actor(c.node().guard, check_login{key, c.client_address()});
  if (verdict && !verdict->allowed)
    co_return std::unexpected(failure{errc::locked_out, {}, {}, verdict->retry_after_s});

  auto found = co_await find_account(c, key);
  if (!found) co_return std::unexpected(std::move(found.error()));
  auto known = !found->encoded.empty();
  // Checked for unknown names as well: how long it takes must not tell whether there is an account.
  auto matches = co_await verify_in_pool(c, std::move(*request.password), found->encoded);
  if (!matches) co_return std::unexpected(std::move(matches.error()));
  bool granted = known && *matches;
  auto recorded = co_await c.ask_actor(c.node().guard,
                                       record_login{key, c.client_address(), granted});
  static_cast<void>(recorded); // counting is the guard's affair; the log-in is decided
  if (!granted) co_return fail(errc::invalid_credentials);

  auto moment = now();
  session_record session;
  session.id = make_uuid_v7();
  session.account_id = found->account.id;
  session.created_at = moment;
  session.expires_at = after(moment, c.node().config.auth.refresh_token_lifetime);
  const auto& source = c.node().refresh_tokens;
  auto token = c.keyed() ? source.derive(found->account, session.id, c.op_id())
                         : source.make(found->account, session.id);
  session.token_hash = hash_of(token);
  auto opened = co_await open(c, found->account, session);
  if (!opened) co_return std::unexpected(std::move(opened.error()));
  co_await revoke(c, std::move(opened->value.ended_sessions));
  if (opened->replayed) token = source.derive(found->account, opened->value.session.id, c.op_id());
  c.replayed(opened->replayed);
  co_return reply_pair(c, found->account, opened->value.session, token);
}

task<result<outcome<session_rotated>>> rotate(context& c, const account_ref& account,
                                              const rotate_session& rotation) {
  if (account.kind == account_kind::player)
    co_return co_await c.ask<player_actor>(account.id, c.make_call(), rotation);
  co_return co_await c.ask_only<catalog_actor>(c.make_call(), rotation);
}

task<result<void>> refresh(context& c, const views::token_request& request) {
  if (!request.refresh_token) co_return std::unexpected(missing("refresh_token"));
  auto token = parse_refresh_token(*request.refresh_token);
  if (!token) co_return fail(errc::invalid_token);
  const auto& source = c.node().refresh_tokens;
  auto next = c.keyed() ? source.derive(token->account, token->session_id, c.op_id())
                        : source.make(token->account, token->session_id);
  rotate_session rotation;
  rotation.account_id = token->account.id;
  rotation.session_id = token->session_id;
  rotation.presented_hash = hash_of(*token);
  rotation.next_hash = hash_of(next);
  rotation.now = now();
  rotation.next_expires_at = after(rotation.now, c.node().config.auth.refresh_token_lifetime);
  auto rotated = co_await rotate(c, token->account, rotation);
  if (!rotated) {
    if (rotated.error().code == errc::no_such_player) co_return fail(errc::invalid_token);
    co_return std::unexpected(std::move(rotated.error()));
  }
  if (rotated->value.reused) {
    co_await revoke(c, {token->session_id});
    co_return fail(errc::invalid_token);
  }
  c.replayed(rotated->replayed);
  co_return reply_pair(c, token->account, rotated->value.session, next);
}

task<result<void>> post_token(context& c) {
  auto request = c.form<views::token_request>();
  if (!request) co_return std::unexpected(std::move(request.error()));
  if (request->grant_type == "password") co_return co_await log_in(c, std::move(*request));
  if (request->grant_type == "refresh_token") co_return co_await refresh(c, *request);
  co_return fail(errc::unsupported_grant_type);
}

task<result<void>> post_revoke(context& c) {
  auto request = c.form<views::revocation>();
  if (!request) co_return std::unexpected(std::move(request.error()));
  close_session closing;
  account_kind kind = account_kind::player;
  if (auto token = parse_refresh_token(request->token)) {
    closing = {token->account.id, token->session_id};
    kind = token->account.kind;
  } else if (auto access = c.node().tokens.check(request->token, now())) {
    closing = {access->who.account_id, access->who.session_id};
    kind = access->who.account();
  } else { // an unknown token is dead already (RFC 7009, 2.2)
    c.reply_empty(204);
    co_return result<void>{};
  }
  result<outcome<session_closed>> closed;
  if (kind == account_kind::player)
    closed = co_await c.ask<player_actor>(closing.account_id, c.make_call(), closing);
  else
    closed = co_await c.ask_only<catalog_actor>(c.make_call(), closing);
  if (!closed && closed.error().code != errc::no_such_player)
    co_return std::unexpected(std::move(closed.error()));
  co_await revoke(c, {closing.session_id});
  c.replayed(closed && closed->replayed);
  c.reply_empty(204);
  co_return result<void>{};
}

} // namespace

std::vector<route> auth_routes() {
  return {
    {.verb = http::method::post,
     .path = "/v1/auth/token",
     .id = "createToken",
     .tag = "Authorization",
     .summary = "Log in, or exchange a refresh token",
     .description =
       "OAuth2's password and refresh token grants. The access token is a JWT that is good for 15 "
       "minutes; the refresh token is good for one use and gives the next pair. Using a refresh token "
       "twice ends its session. After too many failures an account or an address is locked out "
       "for a while.",
     .takes = request_body::form,
     .body = &shape_of<views::token_request>(),
     .answers = {{200, "A pair of tokens", &shape_of<views::token_pair>()}},
     .problems = {errc::invalid_credentials, errc::invalid_token, errc::unsupported_grant_type,
                  errc::locked_out},
     .secret = true,
     .handle = post_token},
    {.verb = http::method::post,
     .path = "/v1/auth/revoke",
     .id = "revokeToken",
     .tag = "Authorization",
     .summary = "Log out",
     .description =
       "Ends the session of a refresh or access token: all of its tokens are dead at once "
       "(RFC 7009). A token that is not known is no error.",
     .takes = request_body::form,
     .body = &shape_of<views::revocation>(),
     .answers = {{204, "The session has ended", nullptr}},
     .problems = {},
     .secret = true,
     .handle = post_revoke},
  };
}

} // namespace troupe::gateway
