#include "persistence/membership_store.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <ranges>

#include "persistence/postgres/connection.hpp"

namespace troupe {

namespace {

using namespace std::chrono_literals;
using postgres::call;
using postgres::statement;

// -- statements ---------------------------------------------------------------------------------------

// A change of a state locks the one row of the version first, so versions grow in the order of commits.

constexpr statement forget_ended{"forget_ended", R"(
delete from troupe.member where ended_at < now() - interval '1 hour')"};

constexpr statement join_member{"join_member", R"(
with changed as (
  update troupe.membership set version = version + 1
   where not exists (select from troupe.member where incarnation = $1::uuid)
  returning version)
insert into troupe.member (incarnation, node, host, build, state, lease_ms, process, roles, weight,
                           link_host, link_port, certificates)
select $1::uuid, $2::text, $3::text, $4::text, 'joining', $5::int, $6::text, $7::text, $8::int,
       $9::text, $10::int, $11::text
  from changed
on conflict (incarnation) do nothing)"};

constexpr statement renew_member{"renew_member", R"(
update troupe.member set renew_seq = renew_seq + 1, renewed_at = now()
 where incarnation = $1::uuid and ended_at is null
returning renew_seq)"};

constexpr statement read_version{"read_version", "select version from troupe.membership"};

constexpr statement read_cluster{"read_cluster", "select cluster from troupe.membership"};

constexpr statement list_live{"list_live", R"(
select incarnation, node, host, build, state, renew_seq, lease_ms, joined_at, why, process, roles,
       weight, link_host, link_port, certificates
  from troupe.member where ended_at is null order by node, joined_at)"};

constexpr statement list_all{"list_all", R"(
select incarnation, node, host, build, state, renew_seq, lease_ms, joined_at, why, process, roles,
       weight, link_host, link_port, certificates
  from troupe.member order by node, joined_at)"};

constexpr statement show_member_certificates{"show_member_certificates", R"(
with changed as (
  update troupe.membership set version = version + 1
   where exists (select from troupe.member where incarnation = $1::uuid and ended_at is null)
  returning version)
update troupe.member set certificates = $2::text from changed
 where incarnation = $1::uuid and ended_at is null)"};

constexpr statement change_member_state{"change_member_state", R"(
with next as (
  update troupe.membership set version = version + 1
   where exists (select from troupe.member
                  where incarnation = $1::uuid and ended_at is null and state <> $2::text)
  returning version)
update troupe.member m
   set state = $2::text, why = $3::text,
       ended_at = case when $2::text in ('left', 'dead') then now() end
  from next
 where m.incarnation = $1::uuid and m.ended_at is null and m.state <> $2::text
returning 1)"};

/// Votes are on one renewal: those on an earlier one are replaced.
constexpr statement vote_on_member{"vote_on_member", R"(
update troupe.member
   set votes = case when voted_seq <> $2::bigint then $3::text
                    when position($3::text in votes) > 0 then votes
                    else votes || ' ' || $3::text end,
       voted_seq = $2::bigint
 where incarnation = $1::uuid and ended_at is null and renew_seq = $2::bigint
returning votes)"};

constexpr statement declare_member_dead{"declare_member_dead", R"(
with next as (
  update troupe.membership set version = version + 1
   where exists (select from troupe.member
                  where incarnation = $1::uuid and ended_at is null and renew_seq = $2::bigint)
  returning version)
update troupe.member m set state = 'dead', why = $3::text, ended_at = now()
  from next
 where m.incarnation = $1::uuid and m.ended_at is null and m.renew_seq = $2::bigint
returning 1)"};

constexpr std::array states{member_state::joining, member_state::active, member_state::draining,
                            member_state::left, member_state::dead};

member_state parse_state(std::string_view text) {
  const auto found = std::ranges::find(states, text, [](auto s) { return to_string(s); });
  return found == states.end() ? member_state::dead : *found;
}

/// Lists of words are stored with a blank between two.
std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  for (const auto part : std::views::split(text, ' '))
    if (!part.empty()) words.emplace_back(part.begin(), part.end());
  return words;
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& word : words) text.append(text.empty() ? "" : " ").append(word);
  return text;
}

std::vector<member_record> members_of(const postgres::rows& found) {
  std::vector<member_record> members;
  members.reserve(found.size());
  for (std::size_t i = 0; i < found.size(); ++i)
    members.push_back({.incarnation = found.id(i, 0),
                       .node = found.text(i, 1),
                       .host = found.text(i, 2),
                       .build = found.text(i, 3),
                       .state = parse_state(found.bytes(i, 4)),
                       .renew_seq = found.int8(i, 5),
                       .lease = std::chrono::milliseconds{found.int4(i, 6)},
                       .joined_at = found.time(i, 7),
                       .why = found.text(i, 8),
                       .process = found.text(i, 9),
                       .roles = words_of(found.bytes(i, 10)),
                       .weight = found.int4(i, 11),
                       .link_host = found.text(i, 12),
                       .link_port = static_cast<std::uint16_t>(found.int4(i, 13)),
                       .certificates = words_of(found.bytes(i, 14))});
  return members;
}

postgres::dial_options options_of(const uuid& incarnation, std::chrono::milliseconds timeout) {
  postgres::dial_options options;
  options.application_name = to_string(incarnation);
  options.connect_timeout = 2s; // libpq's least
  options.tcp_user_timeout = timeout;
  options.statement_timeout = timeout;
  return options;
}

class postgres_membership final : public membership_store {
public:
  postgres_membership(const database_address& control, const uuid& incarnation,
                      std::chrono::milliseconds timeout)
    : connection_(control.dsn, options_of(incarnation, timeout), timeout + 500ms, dog_) {}

  result<uuid> cluster() override {
    const std::array calls{call{&read_cluster, {}}};
    const auto done = run(calls);
    if (!done) return std::unexpected(done.error());
    if ((*done)[0].size() != 1) return fail(errc::internal, "troupe.membership has no row");
    return (*done)[0].id(0, 0);
  }

  result<void> join(const member_record& self) override {
    std::array calls{call{&forget_ended, {}}, call{&join_member, {}}};
    calls[1].arguments.add(self.incarnation).add(std::string_view{self.node});
    calls[1].arguments.add(std::string_view{self.host}).add(std::string_view{self.build});
    calls[1].arguments.add(static_cast<std::int32_t>(self.lease.count()));
    calls[1]
      .arguments.add(std::string_view{self.process})
      .add(std::string_view{joined(self.roles)});
    calls[1].arguments.add(self.weight).add(std::string_view{self.link_host});
    calls[1].arguments.add(static_cast<std::int32_t>(self.link_port));
    calls[1].arguments.add(std::string_view{joined(self.certificates)});
    const auto done = run(calls);
    if (!done) return std::unexpected(done.error());
    return {};
  }

  result<renewal> renew(const uuid& incarnation) override {
    std::array calls{call{&renew_member, {}}, call{&read_version, {}}, call{&list_live, {}}};
    calls[0].arguments.add(incarnation);
    const auto done = run(calls);
    if (!done) return std::unexpected(done.error());
    if ((*done)[1].size() != 1) return fail(errc::internal, "troupe.membership has no row");
    return renewal{(*done)[0].size() == 1, (*done)[1].int8(0, 0), members_of((*done)[2])};
  }

  result<void> show_certificates(const uuid& incarnation,
                                 const std::vector<std::string>& certificates) override {
    std::array calls{call{&show_member_certificates, {}}};
    calls[0].arguments.add(incarnation).add(std::string_view{joined(certificates)});
    const auto done = run(calls);
    if (!done) return std::unexpected(done.error());
    return {};
  }

  result<bool> change_state(const uuid& incarnation, member_state to,
                            std::string_view why) override {
    std::array calls{call{&change_member_state, {}}};
    calls[0].arguments.add(incarnation).add(to_string(to)).add(why);
    const auto done = run(calls);
    if (!done) return std::unexpected(done.error());
    return (*done)[0].size() == 1;
  }

  result<std::uint32_t> vote(const uuid& incarnation, std::int64_t seen_seq,
                             const uuid& voter) override {
    std::array calls{call{&vote_on_member, {}}};
    calls[0].arguments.add(incarnation).add(seen_seq).add(std::string_view{to_string(voter)});
    const auto done = run(calls);
    if (!done) return std::unexpected(done.error());
    if ((*done)[0].size() == 0) return 0;
    return static_cast<std::uint32_t>(words_of((*done)[0].bytes(0, 0)).size());
  }

  result<bool> declare_dead(const uuid& incarnation, std::int64_t seen_seq,
                            std::string_view why) override {
    std::array calls{call{&declare_member_dead, {}}};
    calls[0].arguments.add(incarnation).add(seen_seq).add(why);
    const auto done = run(calls);
    if (!done) return std::unexpected(done.error());
    return (*done)[0].size() == 1;
  }

  result<std::vector<member_record>> list() override {
    const std::array calls{call{&list_all, {}}};
    const auto done = run(calls);
    if (!done) return std::unexpected(done.error());
    return members_of((*done)[0]);
  }

private:
  result<std::vector<postgres::rows>> run(std::span<const call> calls) {
    if (!connection_.is_open()) {
      if (auto opened = connection_.open(); !opened)
        return fail(errc::storage_unavailable, opened.error());
    }
    auto done = connection_.run(calls);
    if (done) return std::move(*done);
    const auto& why = done.error();
    // A statement that took too long, or a server that is on its way down, is as good as out of reach.
    const bool passes = why.lost || why.sqlstate.starts_with("57") ||
                        why.sqlstate.starts_with("08");
    return fail(passes ? errc::storage_unavailable : errc::internal, why.message);
  }

  postgres::watchdog dog_;
  postgres::connection connection_;
};

} // namespace

std::string_view to_string(member_state state) noexcept {
  switch (state) {
    case member_state::joining: return "joining";
    case member_state::active: return "active";
    case member_state::draining: return "draining";
    case member_state::left: return "left";
    case member_state::dead: return "dead";
  }
  return "unknown";
}

std::unique_ptr<membership_store> make_membership_store(const database_address& control,
                                                        const uuid& incarnation,
                                                        std::chrono::milliseconds timeout) {
  return std::make_unique<postgres_membership>(control, incarnation, timeout);
}

} // namespace troupe
