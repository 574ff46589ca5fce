#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "gateway/context.hpp"
#include "gateway/routes/views.hpp"

// Steps that several routes share.

namespace troupe::gateway {

/// The id of the account this operation creates: a new one, or for a client's own key the one that
/// the operation was bound to when it came first. Errors: `key_reused` and those of the directory.
task<result<uuid>> claim_account(context& c, account_kind kind);

/// Hashes a password in the bounded pool. Errors: `overloaded`.
task<result<std::string>> hash_in_pool(context& c, std::string password);

/// Whether a password belongs to an encoded hash; an empty hash takes as long and never matches.
task<result<bool>> verify_in_pool(context& c, std::string password, std::string encoded);

/// Ends access tokens of sessions on this node, and on others through Redis.
task<void> revoke(context& c, std::vector<uuid> sessions);

/// Lets this node's copy of the catalogue know what the catalogue's owner has just created, wherever that
/// is, so that whoever made it finds it here. `there` looks it up in the copy.
template <class Lookup>
task<void> see_in_catalog(context& c, Lookup there) {
  if (there(*c.node().catalog.current())) co_return;
  auto seen = co_await c.ask_actor(c.node().catalog_copy, refresh_catalog{});
  static_cast<void>(seen); // it is durable; the copy follows when it can
}

/// The rule that cannot be said in a schema: passwords are counted in bytes.
std::optional<failure> wrong_password(const std::string& password, std::string pointer);

/// A game as clients see it; nothing for one whose studio is unknown.
std::optional<views::game> view_of(const catalog_snapshot& catalog, const game_record& game);

} // namespace troupe::gateway
