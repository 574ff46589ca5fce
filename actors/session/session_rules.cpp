#include "actors/session/session_rules.hpp"

#include <algorithm>

namespace troupe {

namespace {

auto position_of(const std::vector<session_record>& sessions, const uuid& id) {
  return std::ranges::find(sessions, id, &session_record::id);
}

} // namespace

session_change<session_opened> open(const std::vector<session_record>& sessions,
                                    const session_record& fresh, std::size_t max_sessions) {
  session_change<session_opened> change;
  change.answer.session = fresh;
  for (const auto& s : sessions)
    if (s.id != fresh.id && s.expires_at > fresh.created_at) change.after.push_back(s);
  // Ids are UUIDv7: the smallest is the oldest.
  std::ranges::sort(change.after, {}, &session_record::id);
  if (change.after.size() >= max_sessions)
    change.after.erase(change.after.begin(),
                       change.after.end() - static_cast<std::ptrdiff_t>(max_sessions - 1));
  for (const auto& s : sessions) {
    if (s.id == fresh.id || position_of(change.after, s.id) != change.after.end()) continue;
    change.rows.push_back(delete_session{s.account_id, s.id});
    if (s.expires_at > fresh.created_at) change.answer.ended_sessions.push_back(s.id);
  }
  change.rows.push_back(put_session{fresh});
  change.after.push_back(fresh);
  return change;
}

result<session_change<session_rotated>> rotate(const std::vector<session_record>& sessions,
                                               const rotate_session& request) {
  session_change<session_rotated> change;
  change.after = sessions;
  auto found = std::ranges::find(change.after, request.session_id, &session_record::id);
  if (found == change.after.end() || found->expires_at <= request.now)
    return fail(errc::invalid_token);
  if (found->token_hash == request.presented_hash) {
    found->previous_hash = found->token_hash;
    found->token_hash = request.next_hash;
    found->expires_at = request.next_expires_at;
    change.rows.push_back(put_session{*found});
    change.answer.session = *found;
    return change;
  }
  if (found->previous_hash != request.presented_hash) return fail(errc::invalid_token);
  change.answer = {*found, true};
  change.rows.push_back(delete_session{found->account_id, found->id});
  change.after.erase(found);
  return change;
}

session_change<session_closed> close(const std::vector<session_record>& sessions,
                                     const close_session& request) {
  session_change<session_closed> change;
  change.after = sessions;
  auto found = std::ranges::find(change.after, request.session_id, &session_record::id);
  if (found == change.after.end()) return change;
  change.answer.existed = true;
  change.rows.push_back(delete_session{found->account_id, found->id});
  change.after.erase(found);
  return change;
}

} // namespace troupe
