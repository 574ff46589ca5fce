#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "persistence/records.hpp"

// Messages of the guard: what a node's gateways share with each other and, through Redis, with those
// of other nodes, to keep abusers out. Nothing here is a truth: with Redis gone a node goes on by
// itself.

namespace troupe {

/// May this account log in from this address now? Counts nothing.
struct check_login {
  std::string account; ///< folded name
  std::string address; ///< the client's, without port
};
struct login_verdict {
  bool allowed = true;
  std::uint32_t retry_after_s = 0;
};

/// Tells how a log-in ended; failures count towards a lock-out, a success clears the account's
/// count.
struct record_login {
  std::string account;
  std::string address;
  bool succeeded = false;
};

/// Ends access tokens before they expire, here at once and on other nodes through Redis.
struct revoke_sessions {
  std::vector<uuid> session_ids;
};

/// How many tokens of a rate-limit bucket this node has given out since its last report.
struct bucket_usage {
  std::string bucket; ///< "p:<principal>" or "a:<address>"
  std::uint32_t taken = 0;
};
/// Answered with what other nodes took of the same buckets meanwhile; nothing while Redis is gone.
struct report_usage {
  std::vector<bucket_usage> buckets;
};
struct usage_elsewhere {
  std::vector<bucket_usage> buckets;
};

/// A whole HTTP answer kept under an operation id, so that a replay need not ask the shard.
struct cached_response {
  digest request_hash{};
  std::uint16_t status = 200;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
};
struct find_response {
  uuid op_id;
};
struct found_response {
  std::optional<cached_response> response;
};
struct keep_response {
  uuid op_id;
  cached_response response;
};

} // namespace troupe
