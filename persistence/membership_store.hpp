#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/family.hpp"
#include "base/timestamp.hpp"
#include "base/uuid.hpp"
#include "persistence/migrations.hpp"

// Who belongs to the cluster, in the control database: a row per incarnation and one version that grows
// with every change of a state. Renewals change neither state nor version.

namespace troupe {

/// A member's life goes one way: joining, active, draining, left; or dead from any of the first three.
enum class member_state : std::uint8_t { joining, active, draining, left, dead };

std::string_view to_string(member_state state) noexcept;

/// One incarnation: one process from its start to its end.
struct member_record {
  uuid incarnation;
  std::string node; ///< the name its operator knows it by; stays over restarts
  std::string host;
  std::string build; ///< the program's version
  member_state state = member_state::joining;
  std::int64_t renew_seq = 0; ///< grows with every renewal
  std::chrono::milliseconds lease{0};
  timestamp joined_at;            ///< by the database's clock: for people, never compared
  std::string why;                ///< of the last change of state
  std::string process;            ///< which process of which machine it is; empty: unknown
  std::vector<std::string> roles; ///< "gateway" and the names of the families it hosts
  std::int32_t weight = 100;
  std::string link_host; ///< where other nodes reach it; empty: not at all
  std::uint16_t link_port = 0;
  std::vector<std::string> certificates; ///< fingerprints it may show, in hexadecimal

  bool has_role(std::string_view role) const noexcept { return std::ranges::contains(roles, role); }
  bool hosts(family fam) const noexcept { return has_role(to_string(fam)); }
};

/// The membership's tables. Every function blocks for one round trip at most (`timeout` at opening);
/// used by one thread at a time. Errors: `storage_unavailable` when the database cannot be reached or
/// does not answer in time, `internal` otherwise; the details are for logs.
class membership_store {
public:
  struct renewal {
    bool alive = false; ///< false: this incarnation was declared dead, or its row is gone
    std::int64_t version = 0;
    std::vector<member_record> members; ///< those that neither left nor are dead
  };

  virtual ~membership_store() = default;

  /// The cluster's own id, made when it was born.
  virtual result<uuid> cluster() = 0;

  /// Adds a row in state joining. Joining again as the same incarnation changes nothing. Removes rows of
  /// incarnations that ended more than an hour ago.
  virtual result<void> join(const member_record& self) = 0;

  /// Tells that `incarnation` lives, and reads everybody.
  virtual result<renewal> renew(const uuid& incarnation) = 0;

  /// Replaces the fingerprints of the certificates that `incarnation` may show.
  virtual result<void> show_certificates(const uuid& incarnation,
                                         const std::vector<std::string>& certificates) = 0;

  /// False when the incarnation has ended already or is in that state.
  virtual result<bool> change_state(const uuid& incarnation, member_state to,
                                    std::string_view why) = 0;

  /// `voter` has seen no renewal since `seen_seq` for as long as the member's lease. Gives the votes of
  /// different members on that renewal; 0 when it has renewed since or has ended.
  virtual result<std::uint32_t> vote(const uuid& incarnation, std::int64_t seen_seq,
                                     const uuid& voter) = 0;

  /// Declares a member dead, unless it has renewed since `seen_seq` was read. False when it has, or when
  /// it has ended already.
  virtual result<bool> declare_dead(const uuid& incarnation, std::int64_t seen_seq,
                                    std::string_view why) = 0;

  /// Everybody, those that ended within about an hour too; ordered by name, then by age.
  virtual result<std::vector<member_record>> list() = 0;
};

/// Opens its connection at the first call and again whenever it was lost. `control`: the first
/// configured database. `timeout`: of a call.
std::unique_ptr<membership_store> make_membership_store(const database_address& control,
                                                        const uuid& incarnation,
                                                        std::chrono::milliseconds timeout);

} // namespace troupe
