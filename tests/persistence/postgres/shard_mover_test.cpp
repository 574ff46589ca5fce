#include "persistence/shard_mover.hpp"

#include <doctest/doctest.h>

#include <array>
#include <functional>
#include <set>
#include <thread>

#include "persistence/database_set.hpp"
#include "persistence/membership_store.hpp"
#include "persistence/placement_store.hpp"
#include "persistence/postgres/shard_copy.hpp"
#include "tests/persistence/postgres/test_lane.hpp"

using namespace troupe;
using namespace troupe::test;
using namespace std::chrono_literals;

namespace {

constexpr std::array steps{move_step::asked,   move_step::source_taken, move_step::copied,
                           move_step::flipped, move_step::cleaned,      move_step::finished};

/// Two databases with shards, rows of shard 2 of the players in the first one.
struct moving {
  test_database one{test_database::content::empty, test_database::server::a};
  test_database two{test_database::content::empty, test_database::server::b};
  std::vector<database_address> addresses{one.address("one"), two.address("two")};
  const shard_ref ref = player_shard(2);
  uuid game = make_uuid_v7();
  std::function<bool(shard_ref, move_step)> after;

  moving() {
    REQUIRE(migrate_up(addresses, test_shard_counts()));
    test_lane lane{one.dsn()};
    const auto epoch = lane.acquire(ref);
    REQUIRE(epoch == 1);
    for (int i = 0; i < 50; ++i) {
      const player_record player{.id = make_uuid_v7(),
                                 .name = "tab\t\"quote\" é",
                                 .created_at = now()};
      auto unit = register_game_unit(ref, epoch, player.id, game);
      unit.rows.emplace_back(put_player{player});
      lane.write(unit);
    }
    lane.run();
    release();
  }

  void release() const {
    one.query("update troupe.shard_fence set owner = null where family = 'player'");
  }

  static shard_ref player_shard(int shard) { return {family::player, shard}; }

  std::unique_ptr<shard_mover> mover(std::chrono::milliseconds lease = 2s,
                                     std::chrono::milliseconds renew_interval = 50ms) {
    auto made = shard_mover::start({.databases = addresses,
                                    .name = "mover",
                                    .host = "h",
                                    .build = "1",
                                    .renew_interval = renew_interval,
                                    .lease = lease,
                                    .drain_limit = 5s,
                                    .after = after});
    REQUIRE(made);
    return std::move(*made);
  }

  std::string home() const {
    return one
      .query("select database from troupe.shard_home where family = 'player' and shard_id = 2")
      .one_field()
      .as<std::string>();
  }

  static std::int64_t players(const test_database& database) {
    return database.number("select count(*) from troupe.player where shard_id = 2");
  }
  static std::int64_t fences(const test_database& database) {
    return database.number(
      "select count(*) from troupe.shard_fence where shard_id = 2 and family = 'player'");
  }
  std::int64_t moves() const { return one.number("select count(*) from troupe.shard_move"); }
  void declare_all_dead() const {
    one.query("update troupe.member set state = 'dead', ended_at = now() where ended_at is null");
  }

  /// Everything of the shard in `there`, nothing anywhere else, and nobody owns it.
  void check_lives_in(const test_database& there, const test_database& elsewhere) const {
    CHECK(home() == (&there == &one ? "one" : "two"));
    CHECK(players(there) == 50);
    CHECK(there.number("select count(*) from troupe.operation where shard_id = 2") == 50);
    CHECK(there.number("select players from troupe.game_counter where shard_id = 2") == 50);
    CHECK(fences(there) == 1);
    CHECK(players(elsewhere) == 0);
    CHECK(elsewhere.number("select count(*) from troupe.operation where shard_id = 2") == 0);
    CHECK(fences(elsewhere) == 0);
    CHECK(moves() == 0);
  }
};

/// Ends a mover behind one step, as a crash would.
std::function<bool(shard_ref, move_step)> crash_after(move_step last) {
  return [last](shard_ref, move_step done) { return done != last; };
}

} // namespace

TEST_CASE("every table with shards is moved, and nothing else is") {
  test_database database;
  std::set<std::string> moved{"shard_fence"};
  for (const auto& info : families)
    for (const auto table : postgres::tables_of(info.id)) {
      moved.emplace(table);
      // Whose rows it holds must be said where it is made, or its column `family` says so.
      const bool everybodys = database.number(
        "select count(*) from information_schema.columns where table_schema = 'troupe'"
        " and column_name = 'family' and table_name = '" +
        std::string{table} + "'");
      int holders = 0;
      for (const auto& other : families)
        holders += std::ranges::contains(postgres::tables_of(other.id), table);
      CHECK_MESSAGE(holders == (everybodys ? static_cast<int>(families.size()) : 1), table);
    }
  std::set<std::string> there;
  for (const auto& row :
       database.query("select table_name from information_schema.columns"
                      " where table_schema = 'troupe' and column_name = 'shard_id'"
                      " and table_name not in ('shard_home', 'shard_pin', 'shard_move')"))
    there.insert(row[0].as<std::string>());
  CHECK(there == moved);
}

TEST_CASE("a moved shard has all its rows in the other database, and can be acquired there") {
  moving m;
  const auto done = m.mover()->move(m.ref, "two");
  REQUIRE(done);
  CHECK(done->rows == 50 * 3 + 1);
  m.check_lives_in(m.two, m.one);
  CHECK(m.two.query("select min(name) from troupe.player").one_field().view() ==
        "tab\t\"quote\" é");

  const auto seen = make_placement_store(m.addresses, make_uuid_v7(), 2s)->read();
  REQUIRE(seen);
  const auto fence = std::ranges::find(seen->fences, m.ref, &fence_row::ref);
  REQUIRE(fence != seen->fences.end());
  test_lane lane{m.two.dsn()};
  CHECK(lane.acquire(m.ref, fence->epoch) == fence->epoch + 1);
  test_lane late{m.one.dsn()};
  CHECK(late.acquire(m.ref, 1) == 0);

  SUBCASE("and goes back") {
    m.two.query("update troupe.shard_fence set owner = null where shard_id = 2");
    REQUIRE(m.mover()->move(m.ref, "one"));
    m.check_lives_in(m.one, m.two);
  }
  SUBCASE("and is left where it is when it is there already") {
    const auto again = m.mover()->move(m.ref, "two");
    REQUIRE(again);
    CHECK(again->rows == 0);
  }
}

TEST_CASE("a mover that crashes behind any step leaves what the next one finishes") {
  for (const auto last : steps) {
    CAPTURE(static_cast<int>(last));
    moving m;
    m.after = crash_after(last);
    {
      auto first = m.mover();
      CHECK_FALSE(first->move(m.ref, "two"));
    }
    const bool flipped = last >= move_step::flipped;
    CHECK(m.home() == (flipped ? "two" : "one"));
    m.declare_all_dead();
    // Nodes may have the shard at its home from here on, at the epoch they see.
    const auto seen = make_placement_store(m.addresses, make_uuid_v7(), 2s)->read();
    REQUIRE(seen);
    CHECK(seen->moving.empty());
    const auto fence = std::ranges::find(seen->fences, m.ref, &fence_row::ref);
    REQUIRE(fence != seen->fences.end());
    auto& there = flipped ? m.two : m.one;
    test_lane lane{there.dsn()};
    CHECK(lane.acquire(m.ref, fence->epoch) == fence->epoch + 1);
    there.query("update troupe.shard_fence set owner = null where shard_id = 2");

    m.after = {};
    REQUIRE(m.mover()->move(m.ref, "two"));
    m.check_lives_in(m.two, m.one);
  }
}

TEST_CASE("what a crashed mover left is settled without another move") {
  for (const auto last : {move_step::copied, move_step::flipped}) {
    moving m;
    m.after = crash_after(last);
    CHECK_FALSE(m.mover()->move(m.ref, "two"));
    m.after = {};
    m.declare_all_dead();
    const auto settled = m.mover()->settle();
    REQUIRE(settled);
    CHECK(settled->size() == 1);
    if (last == move_step::copied)
      m.check_lives_in(m.one, m.two);
    else
      m.check_lives_in(m.two, m.one);
  }
}

TEST_CASE("a mover that is gone without a word is declared dead by the next one") {
  moving m;
  m.after = crash_after(move_step::copied);
  CHECK_FALSE(m.mover(200ms)->move(m.ref, "two"));
  m.after = {};
  REQUIRE(m.mover(200ms)->move(m.ref, "two"));
  m.check_lives_in(m.two, m.one);
}

TEST_CASE("a mover that was declared dead can neither copy nor flip") {
  for (const auto paused : {move_step::asked, move_step::source_taken, move_step::copied}) {
    for (const bool settled : {false, true}) {
      CAPTURE(static_cast<int>(paused));
      CAPTURE(settled);
      moving m;
      bool once = true;
      m.after = [&](shard_ref, move_step done) {
        if (done != paused || !std::exchange(once, false)) return true;
        m.declare_all_dead();
        if (settled) {
          // The next mover brings the shard there and back, and an owner takes it.
          const auto hook = std::exchange(m.after, {});
          CHECK(m.mover()->move(m.ref, "two"));
          CHECK(m.mover()->move(m.ref, "one"));
          m.after = hook;
        }
        return true;
      };
      auto zombie = m.mover(2s, 60s); // it does not learn of its death
      const auto refused = zombie->move(m.ref, "two");
      REQUIRE_FALSE(refused);
      CHECK(m.home() == "one");
      zombie.reset();
      m.after = {};
      REQUIRE(m.mover()->settle());
      m.check_lives_in(m.one, m.two);
    }
  }
}

TEST_CASE("a mover that was declared dead behind the flip cannot clean up what has come back") {
  moving m;
  bool once = true;
  m.after = [&](shard_ref, move_step done) {
    if (done != move_step::flipped || !std::exchange(once, false)) return true;
    m.declare_all_dead();
    const auto hook = std::exchange(m.after, {});
    CHECK(m.mover()->move(m.ref, "one"));
    m.after = hook;
    return true;
  };
  CHECK_FALSE(m.mover(2s, 60s)->move(m.ref, "two"));
  m.check_lives_in(m.one, m.two);
}

// Successors end the connections of a dead mover. In these tests the world changes without that, so that
// the fences and the row alone have to hold.

TEST_CASE("a mover that was declared dead does not copy over a shard that lives in its target") {
  moving m;
  m.after = [&](shard_ref, move_step done) {
    if (done != move_step::source_taken) return true;
    m.declare_all_dead();
    m.one.query("delete from troupe.shard_move; update troupe.shard_home set database = 'two'"
                " where shard_id = 2 and family = 'player'; delete from troupe.shard_fence"
                " where shard_id = 2 and family = 'player'");
    m.two.query("insert into troupe.shard_fence (shard_id, family, epoch) values"
                " (2, 'player', 100); insert into troupe.operation values"
                " (2, 'player', gen_random_uuid(), '', '')");
    return true;
  };
  CHECK_FALSE(m.mover(2s, 60s)->move(m.ref, "two"));
  CHECK(m.two.number("select count(*) from troupe.operation where shard_id = 2") == 1);
  CHECK(m.two.number("select epoch from troupe.shard_fence where shard_id = 2") == 100);
}

TEST_CASE(
  "a mover that was declared dead does not clean up a shard that lives at its source again") {
  moving m;
  m.after = [&](shard_ref, move_step done) {
    if (done != move_step::flipped) return true;
    m.declare_all_dead();
    m.one.query("delete from troupe.shard_move; update troupe.shard_home set database = 'one'"
                " where shard_id = 2 and family = 'player'; update troupe.shard_fence"
                " set epoch = 100, owner = null where shard_id = 2 and family = 'player'");
    return true;
  };
  CHECK_FALSE(m.mover(2s, 60s)->move(m.ref, "two"));
  CHECK(m.players(m.one) == 50);
  CHECK(m.fences(m.one) == 1);
}

TEST_CASE("a mover flips no shard whose move is another's") {
  moving m;
  m.after = [&](shard_ref, move_step done) {
    if (done == move_step::copied)
      m.one.query("update troupe.shard_move set mover = gen_random_uuid()");
    return true;
  };
  CHECK_FALSE(m.mover()->move(m.ref, "two"));
  CHECK(m.home() == "one");
}

TEST_CASE("two movers do not move the same shard") {
  moving m;
  bool once = true;
  m.after = [&](shard_ref ref, move_step done) {
    if (done != move_step::source_taken || !std::exchange(once, false)) return true;
    const auto hook = std::exchange(m.after, {});
    const auto refused = m.mover()->move(ref, "two");
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == errc::precondition_failed);
    m.after = hook;
    return true;
  };
  REQUIRE(m.mover()->move(m.ref, "two"));
  m.check_lives_in(m.two, m.one);
}

TEST_CASE("a shard on its way is nobody's, and its owner is waited for") {
  moving m;
  const auto owner = make_uuid_v7();
  auto store = make_membership_store(m.addresses.front(), owner, 2s);
  REQUIRE(store->join({.incarnation = owner, .node = "n", .lease = 60s}));
  test_lane lane{m.one.dsn(), test_lane::quick_limits(), owner};
  const auto epoch = lane.acquire(m.ref, 1);
  REQUIRE(epoch == 2);

  SUBCASE("until it lets go") {
    m.after = [&](shard_ref ref, move_step done) {
      const auto seen = make_placement_store(m.addresses, make_uuid_v7(), 2s)->read();
      REQUIRE(seen);
      CHECK(std::ranges::contains(seen->moving, ref) == (done < move_step::flipped));
      if (done == move_step::asked) m.release();
      return true;
    };
    REQUIRE(m.mover()->move(m.ref, "two"));
    m.check_lives_in(m.two, m.one);
    // What it still wants to write is refused.
    auto unit = register_game_unit(m.ref, epoch, make_uuid_v7(), m.game);
    lane.write(unit);
    lane.run();
    CHECK(m.players(m.one) == 0);
    CHECK(m.one.number("select count(*) from troupe.operation where shard_id = 2") == 0);
  }
  SUBCASE("and keeps the shard when it does not") {
    auto impatient = shard_mover::start({.databases = m.addresses,
                                         .name = "mover",
                                         .host = "h",
                                         .build = "1",
                                         .renew_interval = 50ms,
                                         .drain_limit = 100ms});
    REQUIRE(impatient);
    const auto refused = (*impatient)->move(m.ref, "two");
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == errc::timed_out);
    CHECK(m.home() == "one");
    CHECK(m.moves() == 0);
    CHECK(m.one.number("select epoch from troupe.shard_fence where shard_id = 2 and family ="
                       " 'player'") == 2);
  }
}

TEST_CASE("what does not exist is not moved") {
  moving m;
  auto mover = m.mover();
  CHECK(mover->move(m.ref, "three").error().code == errc::precondition_failed);
  CHECK(mover->move({family::player, 999}, "two").error().code == errc::precondition_failed);
  CHECK(m.moves() == 0);
}
