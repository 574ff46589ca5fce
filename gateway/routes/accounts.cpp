#include "gateway/routes/accounts.hpp"

namespace troupe::gateway {

namespace {

constexpr std::size_t max_password_bytes = 128;

} // namespace

task<result<uuid>> claim_account(context& c, account_kind kind) {
  auto fresh = make_uuid_v7();
  if (!c.keyed()) co_return fresh;
  auto claimed = co_await c.ask<directory_actor>(c.op_id(), c.make_call(),
                                                 claim_operation{{kind, fresh}});
  if (!claimed) co_return std::unexpected(std::move(claimed.error()));
  co_return claimed->value.account.id;
}

task<result<std::string>> hash_in_pool(context& c, std::string password) {
  auto place = c.node().passwords.take();
  if (!place) co_return std::unexpected(std::move(place.error()));
  auto hashed = co_await c.ask_actor(place->worker(), hash_password{std::move(password)});
  if (!hashed) co_return std::unexpected(std::move(hashed.error()));
  co_return std::move(hashed->encoded);
}

task<result<bool>> verify_in_pool(context& c, std::string password, std::string encoded) {
  auto place = c.node().passwords.take();
  if (!place) co_return std::unexpected(std::move(place.error()));
  auto verified = co_await c.ask_actor(place->worker(),
                                       verify_password{std::move(password), std::move(encoded)});
  if (!verified) co_return std::unexpected(std::move(verified.error()));
  co_return verified->matches;
}

task<void> revoke(context& c, std::vector<uuid> sessions) {
  if (sessions.empty()) co_return;
  // Awaited: when the client has its answer, its tokens are dead on this node.
  auto done = co_await c.ask_actor(c.node().guard, revoke_sessions{std::move(sessions)});
  static_cast<void>(done); // the sessions have ended in the database whatever the guard says
}

std::optional<failure> wrong_password(const std::string& password, std::string pointer) {
  if (password.size() <= max_password_bytes) return std::nullopt;
  return failure{
    errc::invalid_field,
    {},
    {{std::move(pointer), "is longer than " + std::to_string(max_password_bytes) + " bytes"}},
    {}};
}

std::optional<views::game> view_of(const catalog_snapshot& catalog, const game_record& game) {
  const auto* studio = catalog.find_studio(game.studio_id);
  if (!studio) return std::nullopt;
  return views::game{game.id, game.name, {studio->id, studio->name}};
}

} // namespace troupe::gateway
