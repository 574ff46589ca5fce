#pragma once

#include <cstddef>
#include <vector>

#include "actors/api/session.hpp"
#include "base/error.hpp"
#include "persistence/write_unit.hpp"

// What happens to an account's sessions, as pure functions; the player and the catalog family share them.
// Each gives the answer, the row changes, and the sessions that hold after the commit.

namespace troupe {

template <class Answer>
struct session_change {
  Answer answer;
  std::vector<row_change> rows;
  std::vector<session_record> after; ///< of the account
};

/// Adds a session. Expired ones go, and the oldest ones beyond `max_sessions` (at least 1).
session_change<session_opened> open(const std::vector<session_record>& sessions,
                                    const session_record& fresh, std::size_t max_sessions);

/// Exchanges the refresh token of a session, or ends it when the token was exchanged before.
/// Errors: `invalid_token`, with nothing to change.
result<session_change<session_rotated>> rotate(const std::vector<session_record>& sessions,
                                               const rotate_session& request);

session_change<session_closed> close(const std::vector<session_record>& sessions,
                                     const close_session& request);

} // namespace troupe
