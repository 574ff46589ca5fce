#include "actors/cluster/remote/gate.hpp"

#include "tests/unit/actors/cluster/remote/remote_fixture.hpp"

using namespace troupe;
using namespace troupe::remote;
using namespace std::chrono_literals;

namespace {

constexpr shard_ref ref{family::player, 3};

struct fixture : remote_fixture {
  fixture() { way.links = {caller, other}; }

  request_head head() {
    return {.id = ++asked,
            .kind = 2,
            .family = 1,
            .shard = 3,
            .epoch = 1,
            .op_id = make_uuid_v7(),
            .remaining_ms = 5'000};
  }
  void send(const request_head& h, std::string body = to_msgpack(read_player{make_uuid_v7()})) {
    entry.on_request(caller, to_msgpack(h), body);
  }
  /// What the caller gets next.
  answer_head next() {
    run_until([this] { return way.letters.size() > read; });
    CHECK(way.letters[read].node == caller);
    return way.letters[read++].read<answer_head>();
  }
  errc code_of(const request_head& h) {
    send(h);
    return static_cast<errc>(next().code);
  }

  uuid caller = make_uuid_v7();
  uuid other = make_uuid_v7();
  gate entry{*system, io, self, table, board, owners, way, 2};
  std::uint64_t asked = 0;
  std::size_t read = 0;
};

} // namespace

TEST_CASE("a request for an owned shard is carried out and answered under its number") {
  fixture f;
  f.own_here(ref, 1);
  auto h = f.head();
  h.again = true;
  f.send(h);
  const auto answer = f.next();
  CHECK(answer.id == h.id);
  CHECK(answer.code == 0);
  auto profile = from_msgpack<player_profile>(f.way.letters[0].body);
  REQUIRE(profile);
  CHECK(profile->name == "Ann");
  std::scoped_lock lock{f.mutex};
  CHECK(f.script.heard[0].op_id == h.op_id);
  CHECK(f.script.heard[0].again);
  CHECK(f.script.heard[0].deadline > std::chrono::steady_clock::now() + 1s);
}

TEST_CASE("what is no request is refused, or not even answered") {
  fixture f;
  f.own_here(ref, 1);
  f.entry.on_request(f.caller, "\xc1", "");
  f.entry.on_request(f.caller, std::string(100, '\xff'), "");
  auto h = f.head();
  f.send(h, "garbage");
  CHECK(static_cast<errc>(f.next().code) == errc::malformed_body);
  h.kind = 999;
  CHECK(f.code_of(h) == errc::malformed_body);
  h = f.head();
  h.family = 99;
  CHECK(f.code_of(h) == errc::malformed_body);
  h = f.head();
  h.shard = 4;
  CHECK(f.code_of(h) == errc::malformed_body);
  h.shard = -1;
  CHECK(f.code_of(h) == errc::malformed_body);
  h = f.head();
  f.send(h, std::string(max_body + 1, 'x'));
  CHECK(static_cast<errc>(f.next().code) == errc::malformed_body);
  CHECK(f.heard() == 0);
  CHECK(f.entry.count().malformed == 8);
}

TEST_CASE("a request without time left is not carried out") {
  fixture f;
  f.own_here(ref, 1);
  auto h = f.head();
  h.remaining_ms = 0;
  CHECK(f.code_of(h) == errc::timed_out);
  CHECK(f.heard() == 0);
}

TEST_CASE("a node that does not own a shard says who does") {
  fixture f;
  f.owners.own(ref, 7, f.other);
  f.send(f.head());
  auto answer = f.next();
  CHECK(static_cast<errc>(answer.code) == errc::not_owner);
  CHECK(answer.epoch == 7);
  CHECK(answer.owner == f.other);

  f.own_here(ref, 8);
  f.board.at(ref).state = shard_state::draining;
  CHECK(f.code_of(f.head()) == errc::not_owner);
  CHECK(f.heard() == 0);
}

TEST_CASE("a deposed owner that has yet to learn of it does not answer for others") {
  fixture f;
  f.own_here(ref, 3);
  f.owners.own(ref, 4, f.other);
  f.send(f.head());
  const auto answer = f.next();
  CHECK(static_cast<errc>(answer.code) == errc::not_owner);
  CHECK(answer.owner == f.other);
  CHECK(f.heard() == 0);
}

TEST_CASE(
  "what one node has under way is bounded, and counts no more when it is answered or its link is lost") {
  fixture f;
  f.own_here(ref, 1);
  {
    std::scoped_lock lock{f.mutex};
    f.script.silent = true;
  }
  f.send(f.head());
  f.send(f.head());
  CHECK(f.code_of(f.head()) == errc::overloaded);
  f.entry.on_link_down(f.caller);
  CHECK(f.entry.count().under_way == 0);
  {
    std::scoped_lock lock{f.mutex};
    f.script.silent = false;
  }
  CHECK(f.code_of(f.head()) == errc::none);
  CHECK(f.code_of(f.head()) == errc::none);
  CHECK(f.code_of(f.head()) == errc::none);
}

TEST_CASE("requests that the shard never answers are forgotten after their deadline") {
  fixture f;
  f.own_here(ref, 1);
  {
    std::scoped_lock lock{f.mutex};
    f.script.silent = true;
  }
  f.send(f.head());
  f.entry.tick(std::chrono::steady_clock::now());
  CHECK(f.entry.count().under_way == 1);
  f.entry.tick(std::chrono::steady_clock::now() + 10s);
  CHECK(f.entry.count().under_way == 0);
}

TEST_CASE("an error of the shard reaches the caller as it is") {
  fixture f;
  f.own_here(ref, 1);
  {
    std::scoped_lock lock{f.mutex};
    f.script.refuses = errc::no_such_player;
  }
  CHECK(f.code_of(f.head()) == errc::no_such_player);
}
