#include "actors/cluster/remote/dispatcher.hpp"

#include "tests/unit/actors/cluster/remote/remote_fixture.hpp"

using namespace troupe;
using namespace troupe::remote;
using namespace std::chrono_literals;

namespace {

constexpr shard_ref ref{family::player, 3};

struct fixture : remote_fixture {
  struct answer {
    std::optional<player_profile> value;
    errc why = errc::none;
  };

  std::uint64_t ask(std::chrono::milliseconds left = 10s) { return ask(call_within(left)); }
  std::uint64_t ask(const call& c) {
    me.send(proxy, caf::make_message_id(++asked),
            caf::make_message(c, read_player{make_uuid_v7()}));
    run_until([&] { return parts.count().under_way + answers.size() >= asked; });
    return asked;
  }
  const answer& answer_to(std::uint64_t number) {
    run_until([&] { return answers.contains(number); });
    return answers.at(number);
  }
  void take(caf::mailbox_element& element) {
    auto& made = answers[element.mid.request_id().integer_value()];
    if (element.payload.match_elements<player_profile>())
      made.value = element.payload.get_as<player_profile>(0);
    else
      made.why = from_caf_error(element.payload.get_as<caf::error>(0)).code;
  }
  void link(const uuid& node) {
    way.links.insert(node);
    parts.on_link_up();
  }
  void reply(const uuid& node, std::size_t letter, errc why = errc::none, std::int64_t epoch = 0,
             const uuid& owner = {}) {
    answer_head head{.id = way.letters.at(letter).read<request_head>().id,
                     .code = static_cast<std::uint8_t>(why),
                     .epoch = epoch,
                     .owner = owner};
    parts.on_answer(node, head, to_msgpack(player_profile{{}, "Eve", {}, 1}));
  }

  uuid other = make_uuid_v7();
  uuid third = make_uuid_v7();
  dispatcher parts{*system, io, self, table, owners, way, {.requests = 4, .per_node = 3}};
  caf::strong_actor_ptr proxy = parts.add_proxy(ref);
  std::map<std::uint64_t, answer> answers;
  companion me{*system, io, [this](caf::mailbox_element& element) { take(element); }};
  std::uint64_t asked = 0;
};

} // namespace

TEST_CASE("a request for a shard of this node is answered by its actor") {
  fixture f;
  f.own_here(ref, 1);
  CHECK(f.answer_to(f.ask()).value->name == "Ann");
  CHECK(f.way.letters.empty());
}

TEST_CASE("a request for a shard of another node travels there, and its answer comes back") {
  fixture f;
  f.link(f.other);
  f.owners.own(ref, 6, f.other);
  const auto number = f.ask();
  f.run_until([&] { return f.way.letters.size() == 1; });
  const auto head = f.way.letters[0].read<request_head>();
  CHECK(head.kind == 2);
  CHECK(head.shard == 3);
  CHECK(head.epoch == 6);
  CHECK(head.remaining_ms > 9'000);
  CHECK_FALSE(head.again);
  f.reply(f.third, 0); // nobody else may answer
  CHECK(f.answers.empty());
  f.reply(f.other, 0);
  CHECK(f.answer_to(number).value->name == "Eve");
  f.reply(f.other, 0); // twice is nothing
}

TEST_CASE("a request waits for an owner, and for a link to it") {
  fixture f;
  const auto number = f.ask();
  CHECK(f.parts.count().waiting == 1);
  f.owners.own(ref, 1, f.other);
  f.parts.on_owner_change(ref);
  CHECK(f.way.letters.empty());
  CHECK(f.parts.count().waiting == 1);
  f.link(f.other);
  REQUIRE(f.way.letters.size() == 1);
  CHECK(f.parts.count().waiting == 0);
  f.reply(f.other, 0);
  CHECK(f.answer_to(number).value);
}

TEST_CASE("a node that is not the owner says who is, and the request goes there at once") {
  fixture f;
  f.link(f.other);
  f.link(f.third);
  f.owners.own(ref, 1, f.other);
  const auto number = f.ask();
  f.run_until([&] { return f.way.letters.size() == 1; });
  f.reply(f.other, 0, errc::not_owner, 2, f.third);
  REQUIRE(f.way.letters.size() == 2);
  CHECK(f.way.letters[1].node == f.third);
  CHECK_FALSE(f.way.letters[1].read<request_head>().again); // refused is not ambiguous
  f.reply(f.third, 1);
  CHECK(f.answer_to(number).value);
  CHECK(f.owners.find(ref).owner == f.third);
}

TEST_CASE("nodes that send a request to and fro do not keep it busy") {
  fixture f;
  f.link(f.other);
  f.owners.own(ref, 9, f.other);
  f.ask();
  f.run_until([&] { return f.way.letters.size() == 1; });
  // It says that it is not, but knows nothing newer: asked again only after a pause.
  f.reply(f.other, 0, errc::not_owner, 3, {});
  CHECK(f.way.letters.size() == 1);
  f.parts.tick(std::chrono::steady_clock::now());
  CHECK(f.way.letters.size() == 1);
  f.parts.tick(std::chrono::steady_clock::now() + 1s);
  CHECK(f.way.letters.size() == 2);
}

TEST_CASE("when a link is lost its requests are sent again, marked as perhaps carried out") {
  fixture f;
  f.link(f.other);
  f.owners.own(ref, 1, f.other);
  const auto c = fixture::call_within(10s);
  const auto number = f.ask(c);
  f.run_until([&] { return f.way.letters.size() == 1; });
  f.way.links.clear();
  f.parts.on_link_down(f.other);
  CHECK(f.parts.count().waiting == 1);
  f.reply(f.other, 0); // of the link that is gone
  CHECK(f.answers.empty());
  f.owners.own(ref, 2, f.third);
  f.link(f.third);
  REQUIRE(f.way.letters.size() == 2);
  const auto head = f.way.letters[1].read<request_head>();
  CHECK(head.again);
  CHECK(head.op_id == c.op_id);
  // Its first attempt is still at work there: later.
  f.reply(f.third, 1, errc::operation_in_flight);
  CHECK(f.answers.empty());
  f.parts.tick(std::chrono::steady_clock::now() + 1s);
  REQUIRE(f.way.letters.size() == 3);
  f.reply(f.third, 2);
  CHECK(f.answer_to(number).value);
}

TEST_CASE(
  "at the deadline a request is unavailable, or timed out when it may have been carried out") {
  fixture f;
  const auto parked = f.ask(1s);
  f.parts.tick(std::chrono::steady_clock::now() + 2s);
  CHECK(f.answer_to(parked).why == errc::shard_unavailable);
  f.link(f.other);
  f.owners.own(ref, 1, f.other);
  const auto sent = f.ask(1s);
  f.run_until([&] { return f.way.letters.size() == 1; });
  f.parts.tick(std::chrono::steady_clock::now() + 2s);
  CHECK(f.answer_to(sent).why == errc::timed_out);
  CHECK(f.parts.count().under_way == 0);
  CHECK(f.parts.count().waiting == 0);
}

TEST_CASE("requests under way are bounded, for a node and altogether") {
  fixture f;
  f.link(f.other);
  f.owners.own(ref, 1, f.other);
  for (int i = 0; i < 3; ++i) f.ask();
  CHECK(f.answer_to(f.ask()).why == errc::overloaded); // three for one node
  f.way.links.clear();
  f.parts.on_link_down(f.other);
  f.ask();
  CHECK(f.answer_to(f.ask()).why == errc::overloaded); // four altogether
  CHECK(f.parts.count().refused == 2);
}

TEST_CASE("what cannot be queued for a node is refused") {
  fixture f;
  f.link(f.other);
  f.owners.own(ref, 1, f.other);
  f.way.full = true;
  CHECK(f.answer_to(f.ask()).why == errc::overloaded);
}

TEST_CASE("a shard that this node gives away while it is asked is found at its next owner") {
  fixture f;
  f.own_here(ref, 1);
  {
    std::scoped_lock lock{f.mutex};
    f.script.refuses = errc::not_owner;
  }
  const auto number = f.ask();
  f.run_until([&] { return f.heard() == 1; });
  f.owners.give_up(ref, 1);
  f.owners.own(ref, 2, f.other);
  f.link(f.other);
  f.run_until([&] {
    f.parts.tick(std::chrono::steady_clock::now() + 1s);
    return f.way.letters.size() == 1;
  });
  f.reply(f.other, 0);
  CHECK(f.answer_to(number).value->name == "Eve");
}

TEST_CASE("everything that waits is answered at the end") {
  fixture f;
  const auto number = f.ask();
  f.parts.fail_all();
  CHECK(f.answer_to(number).why == errc::shard_unavailable);
}
