#include "persistence/membership_store.hpp"

#include <doctest/doctest.h>
#include <future>

#include "tests/persistence/postgres/test_database.hpp"

using namespace troupe;
using namespace std::chrono_literals;
using troupe::test::test_database;

namespace {

/// One incarnation with a connection of its own.
struct store_user {
  explicit store_user(const test_database& database, std::string name)
    : record{.incarnation = make_uuid_v7(),
             .node = std::move(name),
             .host = "host",
             .build = "1",
             .lease = 2'000ms},
      store(make_membership_store(database.address(), record.incarnation, 2'000ms)) {}

  bool join() { return store->join(record).has_value(); }
  membership_store::renewal renew() { return store->renew(record.incarnation).value(); }

  member_record record;
  std::unique_ptr<membership_store> store;
};

} // namespace

TEST_CASE("a member joins once, renews, and is seen as it is") {
  test_database database;
  store_user a{database, "a"};
  store_user b{database, "b"};
  CHECK_FALSE(a.renew().alive); // not yet there
  REQUIRE(a.join());
  REQUIRE(a.join());
  REQUIRE(b.join());
  const auto first = a.renew();
  CHECK(first.alive);
  CHECK(first.version == 2);
  REQUIRE(first.members.size() == 2);
  CHECK(first.members[0].incarnation == a.record.incarnation);
  CHECK(first.members[0].node == "a");
  CHECK(first.members[0].lease == 2'000ms);
  CHECK(first.members[0].state == member_state::joining);
  CHECK(first.members[0].renew_seq == 1);
  CHECK(a.renew().members[0].renew_seq == 2);
  CHECK(b.renew().version == 2); // renewals leave the version alone
}

TEST_CASE("each change of a state grows the version by one and happens once") {
  test_database database;
  store_user a{database, "a"};
  REQUIRE(a.join());
  CHECK(a.store->change_state(a.record.incarnation, member_state::active, "") == true);
  CHECK(a.store->change_state(a.record.incarnation, member_state::active, "") == false);
  CHECK(a.renew().version == 2);
  CHECK(a.store->change_state(a.record.incarnation, member_state::left, "stopped") == true);
  CHECK(a.store->change_state(a.record.incarnation, member_state::active, "") == false);
  const auto after = a.renew();
  CHECK_FALSE(after.alive);
  CHECK(after.version == 3);
  CHECK(after.members.empty());
  const auto all = a.store->list();
  REQUIRE(all.has_value());
  REQUIRE(all->size() == 1);
  CHECK(all->front().state == member_state::left);
  CHECK(all->front().why == "stopped");
}

TEST_CASE("only who has not renewed since is declared dead, once, and stays dead") {
  test_database database;
  store_user a{database, "a"};
  store_user b{database, "b"};
  REQUIRE(a.join());
  REQUIRE(b.join());
  const auto seen = b.renew().members[1].renew_seq;
  b.renew();
  CHECK(a.store->declare_dead(b.record.incarnation, seen, "late") == false);
  CHECK(b.renew().alive);
  const auto now = a.renew().members[1].renew_seq;

  // Everybody at once: one of them does it.
  std::vector<std::future<bool>> accusers;
  for (int i = 0; i < 8; ++i)
    accusers.push_back(std::async(std::launch::async, [&] {
      store_user accuser{database, "c"};
      return accuser.store->declare_dead(b.record.incarnation, now, "late").value();
    }));
  int declared = 0;
  for (auto& accuser : accusers) declared += accuser.get();
  CHECK(declared == 1);
  CHECK_FALSE(b.renew().alive);
  CHECK(b.join());
  CHECK_FALSE(b.renew().alive); // death is final
  CHECK(a.renew().members.size() == 1);
}

TEST_CASE(
  "what a member says of itself is what the others read, and new certificates replace the old") {
  test_database database;
  store_user a{database, "a"};
  a.record.process = "boot pid:[1] 7 99";
  a.record.roles = {"gateway", "player"};
  a.record.weight = 250;
  a.record.link_host = "127.0.0.1";
  a.record.link_port = 65'000;
  a.record.certificates = {"ab", "cd"};
  REQUIRE(a.join());
  const auto seen = a.renew();
  REQUIRE(seen.members.size() == 1);
  const auto& member = seen.members[0];
  CHECK(member.process == a.record.process);
  CHECK(member.roles == a.record.roles);
  CHECK(member.hosts(family::player));
  CHECK_FALSE(member.hosts(family::directory));
  CHECK(member.weight == 250);
  CHECK(member.link_host == "127.0.0.1");
  CHECK(member.link_port == 65'000);
  CHECK(member.certificates == a.record.certificates);
  REQUIRE(a.store->show_certificates(a.record.incarnation, {"ef"}));
  const auto after = a.renew();
  CHECK(after.members[0].certificates == std::vector<std::string>{"ef"});
  CHECK(after.version == seen.version + 1);
  CHECK(a.store->cluster().value() == a.store->cluster().value());
  CHECK_FALSE(a.store->cluster().value().is_nil());
}

TEST_CASE("votes of different members on one renewal are counted, and lapse with the next one") {
  test_database database;
  store_user a{database, "a"};
  store_user b{database, "b"};
  REQUIRE(a.join());
  REQUIRE(b.join());
  const auto seq = b.renew().members[1].renew_seq;
  const auto& who = b.record.incarnation;
  const auto other = make_uuid_v7();
  CHECK(a.store->vote(who, seq, a.record.incarnation) == 1u);
  CHECK(a.store->vote(who, seq, a.record.incarnation) == 1u);
  CHECK(a.store->vote(who, seq, other) == 2u);
  const auto next = b.renew().members[1].renew_seq;
  CHECK(a.store->vote(who, seq, other) == 0u);
  CHECK(a.store->vote(who, next, other) == 1u);
}

TEST_CASE("versions grow by one for each of many changes at once") {
  test_database database;
  std::vector<std::future<bool>> members;
  for (int i = 0; i < 8; ++i)
    members.push_back(std::async(std::launch::async, [&, i] {
      store_user member{database, std::to_string(i)};
      return member.join() &&
             member.store->change_state(member.record.incarnation, member_state::active, "")
               .value();
    }));
  for (auto& member : members) CHECK(member.get());
  CHECK(database.number("select version from troupe.membership") == 16);
  CHECK(database.number("select count(*) from troupe.member where state = 'active'") == 8);
}

TEST_CASE("a renewal that the database does not answer fails in time, and the next one works") {
  test_database database;
  store_user a{database, "a"};
  REQUIRE(a.join());
  REQUIRE(a.renew().alive);
  {
    auto blocking = database.connect();
    pqxx::work lock{blocking};
    lock.exec("lock table troupe.member in access exclusive mode").no_rows();
    const auto blocked = a.store->renew(a.record.incarnation);
    REQUIRE_FALSE(blocked);
    CHECK(blocked.error().code == errc::storage_unavailable);
  }
  CHECK(a.renew().alive);
}

TEST_CASE("rows of incarnations that ended long ago are removed when somebody joins") {
  test_database database;
  store_user a{database, "a"};
  store_user b{database, "b"};
  REQUIRE(a.join());
  REQUIRE(a.store->change_state(a.record.incarnation, member_state::left, "") == true);
  REQUIRE(b.join());
  CHECK(a.store->list()->size() == 2);
  database.query("update troupe.member set ended_at = ended_at - interval '2 hours'"
                 " where ended_at is not null");
  store_user c{database, "c"};
  REQUIRE(c.join());
  CHECK(a.store->list()->size() == 2);
}
