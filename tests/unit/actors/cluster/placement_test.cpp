#include "actors/cluster/placement.hpp"

#include <doctest/doctest.h>

#include <map>
#include <set>

using namespace troupe;
using namespace std::chrono_literals;

namespace {

constexpr std::array<std::uint32_t, families.size()> counts{64, 256, 1};

member_record member(std::string name, std::int32_t weight = 100) {
  member_record made{.incarnation = make_uuid_v7(), .node = std::move(name)};
  made.state = member_state::active;
  made.roles = {"gateway", "directory", "player", "catalog"};
  made.weight = weight;
  return made;
}

std::map<std::string, int> shares(const std::vector<member_record>& members) {
  std::map<std::string, int> held;
  for (std::int32_t s = 0; s < 2'000; ++s)
    if (const auto* owner = wanted_owner({family::player, s}, members, nullptr))
      ++held[owner->node];
  return held;
}

/// A node's placement, with what it stands on.
struct deciding {
  std::vector<member_record> members{member("a"), member("b")};
  shard_board board{counts};
  remote::owner_directory owners;
  placement part{{.self = members[0].incarnation}, board, owners};
  placement::clock::time_point now{1h};
  bool linked = true;

  membership_view::picture picture() const { return {1, members, now}; }

  placement_store::picture fences(std::optional<uuid> owner, std::int64_t epoch) const {
    placement_store::picture seen;
    for (const auto& info : families)
      for (std::int32_t s = 0; s < static_cast<std::int32_t>(board.of(info.id).size()); ++s)
        seen.fences.push_back({{info.id, s}, epoch, owner});
    return seen;
  }

  placement::plan plan() {
    return part.make_plan(picture(), [this](const uuid&) { return linked; }, now);
  }
};

} // namespace

TEST_CASE("members share the shards by their weights") {
  const auto held = shares({member("a"), member("b"), member("c", 200)});
  CHECK(held.at("a") > 400);
  CHECK(held.at("b") > 400);
  CHECK(held.at("a") < 600);
  CHECK(held.at("b") < 600);
  CHECK(held.at("c") > 900);
}

TEST_CASE(
  "a shard on its way to another database is let go of, and nobody's until it has arrived") {
  deciding d;
  std::optional<shard_ref> mine;
  d.part.learn(d.fences(std::nullopt, 3), d.now);
  for (const auto& next : d.plan().acquire) mine = next.ref;
  REQUIRE(mine);

  auto seen = d.fences(std::nullopt, 3);
  seen.moving = {*mine};
  d.part.learn(seen, d.now);
  auto plan = d.plan();
  CHECK(plan.release.empty());
  CHECK(std::ranges::none_of(plan.acquire, [&](const auto& next) { return next.ref == *mine; }));
  CHECK(plan.unfinished);

  d.board.at(*mine).state = shard_state::active;
  CHECK(d.plan().release == std::vector{*mine});
  CHECK_FALSE(d.part.grants(d.members[1].incarnation, *mine, 3, d.picture()));

  d.board.at(*mine).state = shard_state::released;
  for (auto& fence : seen.fences)
    if (fence.ref == *mine) fence.epoch = 6;
  seen.moving.clear();
  d.part.learn(seen, d.now);
  plan = d.plan();
  const auto again = std::ranges::find(plan.acquire, *mine, &placement::to_acquire::ref);
  REQUIRE(again != plan.acquire.end());
  CHECK(again->seen_epoch == 6);

  // An epoch that only another node told of may be a mover's.
  d.owners.own(*mine, 8, make_uuid_v7());
  plan = d.plan();
  CHECK(plan.outdated);
  CHECK(std::ranges::none_of(plan.acquire, [&](const auto& next) { return next.ref == *mine; }));
}

TEST_CASE("a member that goes moves its own shards only") {
  const std::vector members{member("a"), member("b"), member("c")};
  const std::vector left{members[0], members[2]};
  int moved = 0;
  for (std::int32_t s = 0; s < 500; ++s) {
    const shard_ref ref{family::player, s};
    const auto* before = wanted_owner(ref, members, nullptr);
    const auto* after = wanted_owner(ref, left, nullptr);
    if (before->node == "b")
      ++moved;
    else
      CHECK(before->node == after->node);
  }
  CHECK(moved > 100);
}

TEST_CASE("a node that starts again under its name gets the same shards") {
  const auto other = member("b");
  const std::vector before{member("a"), other};
  const std::vector after{member("a"), other};
  for (std::int32_t s = 0; s < 200; ++s)
    CHECK(wanted_owner({family::player, s}, before, nullptr)->node ==
          wanted_owner({family::player, s}, after, nullptr)->node);
}

TEST_CASE("only active members that host the family own shards, and a pin decides among them") {
  std::vector members{member("a"), member("b"), member("c")};
  members[0].roles = {"gateway"};
  members[1].state = member_state::draining;
  const std::string pin_b = "b";
  const std::string pin_c = "c";
  const shard_ref ref{family::player, 3};
  CHECK(wanted_owner(ref, members, nullptr)->node == "c");
  CHECK(wanted_owner(ref, members, &pin_b)->node == "c"); // it is about to leave
  members[1].state = member_state::active;
  for (std::int32_t s = 0; s < 20; ++s) {
    CHECK(wanted_owner({family::player, s}, members, &pin_b)->node == "b");
    CHECK(wanted_owner({family::player, s}, members, &pin_c)->node == "c");
  }
  members.clear();
  CHECK(wanted_owner(ref, members, nullptr) == nullptr);
}

TEST_CASE(
  "what nobody owns is acquired at once, at the epoch that was seen, and only what is wanted here") {
  deciding d;
  CHECK(d.plan().acquire.empty()); // before the fences were read
  d.part.learn(d.fences(std::nullopt, 4), d.now);
  const auto plan = d.plan();
  CHECK(plan.acquire.size() > 100);
  CHECK(plan.acquire.size() < 220);
  for (const auto& one : plan.acquire) {
    CHECK(one.seen_epoch == 4);
    CHECK(wanted_owner(one.ref, d.members, nullptr)->node == "a");
  }
  CHECK(plan.ask.empty());
}

TEST_CASE(
  "an owner that lives is asked, few at a time and more with the time, one that leaves for all at once") {
  deciding d;
  d.part.learn(d.fences(d.members[1].incarnation, 4), d.now);
  std::set<shard_ref> asked;
  for (int tick = 0; tick < 10; ++tick) {
    for (const auto& one : d.plan().ask) {
      CHECK(one.owner == d.members[1].incarnation);
      CHECK(one.epoch == 4);
      asked.insert(one.ref);
    }
    d.now += 100ms;
  }
  CHECK(asked.size() > 2); // of the first second, while it ramps up
  CHECK(asked.size() < 32);
  CHECK(d.plan().acquire.empty());

  d.members[1].state = member_state::draining;
  CHECK(d.plan().ask.size() > 200);
  CHECK(d.plan().ask.empty()); // asked already
  d.now += 2'100ms;
  CHECK(d.plan().ask.size() > 200); // without an answer, once more
  d.linked = false;
  d.now += 2'100ms;
  CHECK(d.plan().ask.empty());
}

TEST_CASE(
  "the shards of an owner that has ended are acquired once the members were read after the fences") {
  deciding d;
  const auto stranger = make_uuid_v7();
  d.part.learn(d.fences(stranger, 4), d.now + 1ms);
  CHECK(d.plan().acquire.empty()); // it may have joined in between
  d.now += 2ms;
  const auto plan = d.plan();
  CHECK(plan.acquire.size() > 100);
  CHECK(plan.acquire.front().seen_epoch == 4);
}

TEST_CASE("nothing is taken by a node that is not active, and nothing twice") {
  deciding d;
  d.part.learn(d.fences(std::nullopt, 1), d.now);
  d.members[0].state = member_state::joining;
  CHECK(d.plan().acquire.empty());
  d.members[0].state = member_state::active;
  const auto before = d.plan().acquire.size();
  for (const auto& info : families)
    for (std::int32_t s = 0; s < static_cast<std::int32_t>(d.board.of(info.id).size()); s += 2)
      d.board.at({info.id, s}).state = shard_state::acquiring;
  CHECK(d.plan().acquire.size() < before);
  CHECK(d.plan().acquire.size() > 0);
}

TEST_CASE(
  "a shard is given away to the node that should have it, for the tenure that was asked about") {
  deciding d;
  const auto members = d.picture();
  shard_ref theirs{};
  shard_ref ours{};
  for (std::int32_t s = 0; s < 256; ++s) {
    const shard_ref ref{family::player, s};
    (wanted_owner(ref, d.members, nullptr)->node == "a" ? ours : theirs) = ref;
  }
  const auto& node = d.members[1].incarnation;
  for (auto ref : {theirs, ours}) {
    d.board.at(ref).state = shard_state::active;
    d.board.at(ref).epoch = 5;
  }
  CHECK(d.part.grants(node, theirs, 5, members));
  CHECK(d.part.grants(node, theirs, 6, members)); // after a commit in doubt the fence is ahead
  CHECK_FALSE(d.part.grants(node, theirs, 4, members));
  CHECK_FALSE(d.part.grants(node, ours, 5, members));
  CHECK_FALSE(d.part.grants(make_uuid_v7(), theirs, 5, members));
  d.board.at(theirs).state = shard_state::draining;
  CHECK_FALSE(d.part.grants(node, theirs, 5, members));
}
