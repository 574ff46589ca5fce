#define CAF_SUITE shard_start

#include "tests/actors/shard_fixture.hpp"

using namespace troupe;
using namespace troupe::test;

CAF_TEST_FIXTURE_SCOPE(shard_start_tests, shard_fixture)

CAF_TEST(requests that come too early wait until the shard serves) {
  auto ann = stored_player("Ann");
  tables.refuse_acquires = true;
  start();
  settle();
  auto read = send<player_profile>(players, fresh_call(), read_player{ann});
  settle();
  CAF_CHECK(read->pending());
  tables.refuse_acquires = false;
  sched.advance_time(std::chrono::seconds(10));
  settle();
  CAF_CHECK(read->value);
}

CAF_TEST(a shard whose state cannot be loaded tries again) {
  tables.refuse_loads = true;
  start();
  settle();
  CAF_CHECK_EQUAL(board.at({family::catalog, 0}).state.load(), shard_state::loading);
  tables.refuse_loads = false;
  sched.advance_time(std::chrono::seconds(10));
  settle();
  CAF_CHECK_EQUAL(board.count(shard_state::active), board.size());
}

CAF_TEST(jobs that an earlier owner left behind are run) {
  auto ann = stored_player("Ann");
  name_job job{"eve", {account_kind::player, ann}, make_uuid_v7()};
  tables.names["eve"] = {"eve", name_state::confirmed, job.account, job.op_id};
  auto record = make_name_job(release_name_job, job);
  tables.jobs[{{family::player, 0}, record.id}] = record;
  start();
  settle();
  CAF_CHECK_EQUAL(tables.names.count("eve"), 0u);
  CAF_CHECK(tables.jobs.empty());
}

CAF_TEST(a shard that is asked for its release while it starts is released when it says so and stays it) {
  bool was_active = false;
  int steps = 0;
  for (; !was_active; ++steps) {
    CAF_REQUIRE(steps < 50);
    auto& state = board.at({family::player, 0}).state;
    state = shard_state::unowned;
    players = spawn_player_shard(sys, settings_of(family::player), {&view, &table, 3});
    for (int i = 0; i < steps; ++i) sched.try_run_once();
    was_active = state ==
                 shard_state::active; // as far as a start goes: after this one it is enough
    auto released = std::make_shared<bool>(false);
    sys.spawn([=, shard = players](caf::event_based_actor* asking) {
      asking->request(shard, std::chrono::hours(1), release_shard{})
        .then([released](const shard_released&) { *released = true; });
    });
    while (!*released && sched.try_run_once()) {}
    CAF_CHECK_EQUAL(state.load(), shard_state::released);
    sched.advance_time(std::chrono::seconds(10));
    settle();
    CAF_CHECK_EQUAL(state.load(), shard_state::released);
    caf::anon_send_exit(players, caf::exit_reason::kill);
    settle();
  }
  CAF_CHECK(steps > 3);
}

CAF_TEST(waiting for a shard is bounded) {
  tables.refuse_acquires = true;
  auto settings = settings_of(family::player);
  settings.queue = 2;
  players = spawn_player_shard(sys, settings, {&view, &table, 3});
  directory = spawn_directory_shard(sys, settings_of(family::directory), {&table});
  catalog = spawn_catalog_shard(sys, settings_of(family::catalog), {&view, &table, 3});
  settle();
  std::vector<std::shared_ptr<answer_box<player_profile>>> reads;
  for (int i = 0; i < 3; ++i)
    reads.push_back(send<player_profile>(players, fresh_call(), read_player{make_uuid_v7()}));
  settle();
  CAF_CHECK(reads[0]->pending());
  CAF_CHECK(reads[1]->pending());
  CAF_REQUIRE(reads[2]->why);
  CAF_CHECK_EQUAL(reads[2]->why->code, errc::overloaded);
}

CAF_TEST_FIXTURE_SCOPE_END()
