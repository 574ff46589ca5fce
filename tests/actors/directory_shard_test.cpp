#define CAF_SUITE directory_shard

#include "tests/actors/shard_fixture.hpp"

using namespace troupe;
using namespace troupe::test;

namespace {

using reserved = outcome<name_reserved>;
using claimed = outcome<operation_claimed>;

struct fixture : shard_fixture {
  fixture() {
    start();
    settle();
  }

  static account_ref new_player() { return {account_kind::player, make_uuid_v7()}; }

  errc code_of(const answer_box<reserved>& box) { return box.why ? box.why->code : errc::none; }

  answer_box<outcome<player_profile>> create(const call& c, const account_ref& account,
                                             const std::string& name) {
    return ask<outcome<player_profile>>(players, c, create_player{account.id, name, "hash"});
  }

  void wait_out_the_patience() {
    sched.advance_time(std::chrono::seconds(31));
    settle();
  }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(directory_shard_tests, fixture)

CAF_TEST(of two accounts that want a name one gets it) {
  auto first = ask<reserved>(directory, fresh_call(), reserve_name{"ann", new_player()});
  auto second = ask<reserved>(directory, fresh_call(), reserve_name{"ann", new_player()});
  CAF_CHECK(first.value);
  CAF_CHECK_EQUAL(code_of(second), errc::name_taken);
}

CAF_TEST(of two that ask in the same moment one gets it) {
  tables.hold = true;
  auto first = send<reserved>(directory, fresh_call(), reserve_name{"ann", new_player()});
  auto second = send<reserved>(directory, fresh_call(), reserve_name{"ann", new_player()});
  settle();
  tables.hold = false;
  tables.release_held();
  settle();
  CAF_CHECK(first->value);
  CAF_CHECK_EQUAL(code_of(*second), errc::name_taken);
}

CAF_TEST(a created player has its name confirmed by a job) {
  auto ann = new_player();
  auto c = fresh_call();
  ask<reserved>(directory, c, reserve_name{"ann", ann});
  CAF_REQUIRE(create(c, ann, "Ann").value);
  CAF_CHECK_EQUAL(tables.names["ann"].state, name_state::confirmed);
  CAF_CHECK(tables.jobs.empty());
  auto found = ask<account_ref>(directory, fresh_call(), lookup_name{"ann"});
  CAF_REQUIRE(found.value);
  CAF_CHECK_EQUAL(found.value->id, ann.id);
}

CAF_TEST(a reservation that was given up goes to the next after a while) {
  ask<reserved>(directory, fresh_call(), reserve_name{"ann", new_player()});
  wait_out_the_patience();
  auto next = new_player();
  auto second = ask<reserved>(directory, fresh_call(), reserve_name{"ann", next});
  CAF_REQUIRE(second.value);
  CAF_CHECK_EQUAL(tables.names["ann"].account.id, next.id);
}

CAF_TEST(an operation whose reservation was settled against it can never commit) {
  auto slow = new_player();
  auto c = fresh_call();
  ask<reserved>(directory, c, reserve_name{"ann", slow});
  wait_out_the_patience();
  ask<reserved>(directory, fresh_call(), reserve_name{"ann", new_player()});
  CAF_CHECK(create(c, slow, "Ann").why);
  CAF_CHECK_EQUAL(tables.players.count(slow.id), 0u);
}

CAF_TEST(a reservation whose player exists is confirmed instead of given away) {
  auto ann = new_player();
  auto c = fresh_call();
  ask<reserved>(directory, c, reserve_name{"ann", ann});
  auto away = caf::actor_cast<caf::strong_actor_ptr>(directory);
  table.place({family::directory, 0}, nullptr); // the job that confirms cannot reach the directory
  CAF_REQUIRE(create(c, ann, "Ann").value);
  CAF_CHECK_EQUAL(tables.names["ann"].state, name_state::reserved);
  sched.advance_time(std::chrono::seconds(31));
  auto second = ask<reserved>(directory, fresh_call(), reserve_name{"ann", new_player()});
  CAF_CHECK_EQUAL(code_of(second), errc::name_taken);
  CAF_CHECK_EQUAL(tables.names["ann"].state, name_state::confirmed);
  CAF_CHECK_EQUAL(tables.names["ann"].account.id, ann.id);
}

CAF_TEST(a settlement that cannot be had leaves the name as it was) {
  ask<reserved>(directory, fresh_call(), reserve_name{"ann", new_player()});
  wait_out_the_patience();
  auto away = caf::actor_cast<caf::strong_actor_ptr>(players);
  table.place({family::player, 0}, nullptr);
  auto second = ask<reserved>(directory, fresh_call(), reserve_name{"ann", new_player()});
  CAF_CHECK_EQUAL(code_of(second), errc::shard_unavailable);
  table.place({family::player, 0}, away);
  CAF_CHECK(ask<reserved>(directory, fresh_call(), reserve_name{"ann", new_player()}).value);
}

CAF_TEST(a late release does not take a name that its account has taken again) {
  auto ann = new_player();
  auto first = fresh_call();
  ask<reserved>(directory, first, reserve_name{"ann", ann});
  auto again = fresh_call();
  ask<reserved>(directory, again, reserve_name{"ann", ann});
  ask<name_settled>(directory, fresh_call(), release_name{"ann", ann, first.op_id});
  CAF_CHECK_EQUAL(tables.names.count("ann"), 1u);
  ask<name_settled>(directory, fresh_call(), release_name{"ann", ann, again.op_id});
  CAF_CHECK_EQUAL(tables.names.count("ann"), 0u);
}

CAF_TEST(a renamed player has its new name and frees the old one) {
  auto ann = stored_player("Ann");
  account_ref account{account_kind::player, ann};
  auto c = fresh_call();
  ask<reserved>(directory, c, reserve_name{"eve", account});
  auto renamed = ask<outcome<player_updated>>(players, c, update_player{ann, "Eve", {}, {}, {}});
  CAF_REQUIRE(renamed.value);
  CAF_CHECK_EQUAL(tables.names.count("ann"), 0u);
  CAF_CHECK_EQUAL(tables.names["eve"].state, name_state::confirmed);
}

CAF_TEST(a name that changed only in case is freed with its player) {
  auto ann = stored_player("Ann");
  account_ref account{account_kind::player, ann};
  auto c = fresh_call();
  ask<reserved>(directory, c, reserve_name{"ann", account});
  CAF_REQUIRE(
    ask<outcome<player_updated>>(players, c, update_player{ann, "ANN", {}, {}, {}}).value);
  CAF_CHECK_EQUAL(tables.names["ann"].state, name_state::confirmed);
  CAF_REQUIRE(ask<outcome<player_deleted>>(players, fresh_call(), delete_player{ann, {}}).value);
  CAF_CHECK_EQUAL(tables.names.count("ann"), 0u);
}

CAF_TEST(a claim binds an operation to the account of its first execution) {
  auto c = keyed_call(7);
  auto ann = new_player();
  auto first = ask<claimed>(directory, c, claim_operation{ann});
  auto again = ask<claimed>(directory, c, claim_operation{new_player()});
  CAF_REQUIRE(first.value && again.value);
  CAF_CHECK_EQUAL(again.value->value.account.id, ann.id);
  c.request_hash.fill(8);
  auto other = ask<claimed>(directory, c, claim_operation{new_player()});
  CAF_REQUIRE(other.why);
  CAF_CHECK_EQUAL(other.why->code, errc::key_reused);
}

CAF_TEST_FIXTURE_SCOPE_END()
