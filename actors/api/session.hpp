#pragma once

#include <cstdint>
#include <vector>

#include "persistence/records.hpp"

// Messages about log-ins. The player family answers them for players, the catalog family for staff.

namespace troupe {

/// Keeps a new session; beyond the account's limit the oldest ones end.
struct open_session {
  session_record session;
};
struct session_opened {
  session_record session;
  std::vector<uuid> ended_sessions;
};

/// Exchanges a refresh token for the next one. Errors: `invalid_token` for an unknown session, an expired
/// one or a wrong token. A token that was exchanged before is stolen, or its holder was: the session ends.
struct rotate_session {
  uuid account_id;
  uuid session_id;
  digest presented_hash{};
  digest next_hash{};
  timestamp now;
  timestamp next_expires_at;
};
struct session_rotated {
  session_record session;
  bool reused = false; ///< the token was exchanged before: the session has ended, refuse the client
};

/// Ends a session; one that is not there is no error.
struct close_session {
  uuid account_id;
  uuid session_id;
};
struct session_closed {
  bool existed = false;
};

} // namespace troupe
