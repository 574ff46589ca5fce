#pragma once

#include <string>

#include "actors/api/call.hpp"
#include "persistence/records.hpp"

// Messages of the directory family: names that are unique over all shards (log-in names of players
// and staff), and claims of operation ids. A shard is chosen by the key, or by the operation id.

namespace troupe {

/// The form in which names are compared: ASCII letters in lower case.
std::string fold_name(std::string_view name);

/// Reserves a name for an account that the operation `call.op_id` is about to create or rename. The
/// same account may ask again; the latest operation counts. Errors: `name_taken`.
struct reserve_name {
  std::string key; ///< a folded name
  account_ref account;
};
struct name_reserved {
  account_ref account;
};

/// Makes a reservation final; idempotent.
struct confirm_name {
  std::string key;
  account_ref account;
  uuid op_id; ///< of the reservation
};

/// Frees a name that `account` held under `op_id`; idempotent. Nothing when the name belongs to another
/// account by now, or to the same one under a later operation.
struct release_name {
  std::string key;
  account_ref account;
  uuid op_id;
};
struct name_settled {};

/// Who has the name; `not_found` when nobody has.
struct lookup_name {
  std::string key;
};

/// Binds an operation id to the account it will create, before anything else is done for it, so
/// that a retry goes on with the same account. Routed by the operation id.
/// Errors: `key_reused` when the id was claimed for another request.
struct claim_operation {
  account_ref account;
};
struct operation_claimed {
  account_ref account;
};

} // namespace troupe
