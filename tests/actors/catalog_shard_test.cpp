#define CAF_SUITE catalog_shard

#include "tests/actors/shard_fixture.hpp"

using namespace troupe;
using namespace troupe::test;

namespace {

using studio_answer = outcome<studio_created>;
using game_answer = outcome<game_created>;

struct fixture : shard_fixture {
  uuid game = stored_game();

  fixture() {
    start();
    settle();
  }

  uuid studio_id() const { return tables.catalog.studios.front().id; }

  static create_studio new_studio(const std::string& name, const std::string& username) {
    studio_record studio{make_uuid_v7(), name, {}};
    staff_record owner{make_uuid_v7(), username, "hash", staff_role::studio, studio.id, {}};
    return {studio, owner};
  }

  create_game new_game(const std::string& name) {
    return {{make_uuid_v7(), studio_id(), name, {}}};
  }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(catalog_shard_tests, fixture)

CAF_TEST(the node sees the catalogue as soon as the shard serves) {
  CAF_CHECK(view.current()->find_game(game));
}

CAF_TEST(a new game is seen by the node once it is durable and not before) {
  tables.hold = true;
  auto request = new_game("Chess");
  auto answer = send<game_answer>(catalog, fresh_call(), request);
  settle();
  CAF_CHECK(!view.current()->find_game(request.game.id));
  tables.release_held();
  settle();
  CAF_CHECK(answer->value);
  CAF_CHECK(view.current()->find_game(request.game.id));
}

CAF_TEST(a studio has each game name once in any case of its letters) {
  CAF_CHECK(ask<game_answer>(catalog, fresh_call(), new_game("Chess")).value);
  auto again = ask<game_answer>(catalog, fresh_call(), new_game("CHESS"));
  CAF_REQUIRE(again.why);
  CAF_CHECK_EQUAL(again.why->code, errc::game_name_taken);
}

CAF_TEST(two studios of one name that come together are one) {
  tables.hold = true;
  auto first = send<studio_answer>(catalog, fresh_call(), new_studio("Acme", "ann"));
  auto second = send<studio_answer>(catalog, fresh_call(), new_studio("acme", "bob"));
  settle();
  tables.hold = false;
  tables.release_held();
  settle();
  CAF_CHECK(first->value);
  CAF_REQUIRE(second->why);
  CAF_CHECK_EQUAL(second->why->code, errc::studio_name_taken);
}

CAF_TEST(a game of an unknown studio is refused) {
  create_game request{{make_uuid_v7(), make_uuid_v7(), "Chess", {}}};
  auto answer = ask<game_answer>(catalog, fresh_call(), request);
  CAF_REQUIRE(answer.why);
  CAF_CHECK_EQUAL(answer.why->code, errc::no_such_studio);
}

CAF_TEST(a refresh token is exchanged once and its second use ends the session) {
  auto account = make_uuid_v7();
  session_record s{make_uuid_v7(), account, {1}, {}, timestamp{1000}, timestamp{9000}};
  CAF_REQUIRE(ask<outcome<session_opened>>(catalog, fresh_call(), open_session{s}).value);
  rotate_session exchange{account, s.id, {1}, {2}, timestamp{2000}, timestamp{9000}};
  auto first = ask<outcome<session_rotated>>(catalog, fresh_call(), exchange);
  CAF_REQUIRE(first.value);
  CAF_CHECK(!first.value->value.reused);
  auto again = ask<outcome<session_rotated>>(catalog, fresh_call(), exchange);
  CAF_REQUIRE(again.value);
  CAF_CHECK(again.value->value.reused);
  exchange.presented_hash = {2};
  auto after = ask<outcome<session_rotated>>(catalog, fresh_call(), exchange);
  CAF_REQUIRE(after.why);
  CAF_CHECK_EQUAL(after.why->code, errc::invalid_token);
}

CAF_TEST(an expired session is no session) {
  auto account = make_uuid_v7();
  session_record s{make_uuid_v7(), account, {1}, {}, timestamp{1000}, timestamp{9000}};
  ask<outcome<session_opened>>(catalog, fresh_call(), open_session{s});
  rotate_session exchange{account, s.id, {1}, {2}, timestamp{9000}, timestamp{19000}};
  auto late = ask<outcome<session_rotated>>(catalog, fresh_call(), exchange);
  CAF_REQUIRE(late.why);
  CAF_CHECK_EQUAL(late.why->code, errc::invalid_token);
}

CAF_TEST_FIXTURE_SCOPE_END()
