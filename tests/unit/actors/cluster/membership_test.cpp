#include "actors/cluster/membership.hpp"

#include <algorithm>
#include <doctest/doctest.h>
#include <map>
#include <set>

using namespace troupe;
using namespace std::chrono_literals;

namespace {

/// The tables of a control database that several members share, and its faults.
struct shared_tables {
  std::int64_t version = 0;
  std::map<uuid, member_record> members;
  std::map<std::pair<uuid, std::int64_t>, std::set<uuid>> votes;
  bool away = false;
};

class memory_store final : public membership_store {
public:
  explicit memory_store(std::shared_ptr<shared_tables> tables) : tables_(std::move(tables)) {}

  result<uuid> cluster() override { return uuid{}; }
  result<void> show_certificates(const uuid& incarnation,
                                 const std::vector<std::string>& certificates) override {
    if (tables_->away) return fail(errc::storage_unavailable);
    tables_->members.at(incarnation).certificates = certificates;
    return {};
  }
  result<std::uint32_t> vote(const uuid& incarnation, std::int64_t seen_seq,
                             const uuid& voter) override {
    if (tables_->away) return fail(errc::storage_unavailable);
    const auto& member = tables_->members.at(incarnation);
    if (ended(member) || member.renew_seq != seen_seq) return 0;
    auto& votes = tables_->votes[{incarnation, seen_seq}];
    votes.insert(voter);
    return static_cast<std::uint32_t>(votes.size());
  }
  result<void> join(const member_record& self) override {
    if (tables_->away) return fail(errc::storage_unavailable);
    if (tables_->members.emplace(self.incarnation, self).second) ++tables_->version;
    return {};
  }
  result<renewal> renew(const uuid& incarnation) override {
    if (tables_->away) return fail(errc::storage_unavailable);
    renewal found{.version = tables_->version};
    for (auto& [id, member] : tables_->members) {
      if (ended(member)) continue;
      if (id == incarnation) {
        ++member.renew_seq;
        found.alive = true;
      }
      found.members.push_back(member);
    }
    return found;
  }
  result<bool> change_state(const uuid& incarnation, member_state to,
                            std::string_view why) override {
    return change(incarnation, to, why, [](const member_record&) { return true; });
  }
  result<bool> declare_dead(const uuid& incarnation, std::int64_t seen_seq,
                            std::string_view why) override {
    return change(incarnation, member_state::dead, why,
                  [&](const member_record& m) { return m.renew_seq == seen_seq; });
  }
  result<std::vector<member_record>> list() override { return fail(errc::internal); }

private:
  static bool ended(const member_record& m) { return m.state >= member_state::left; }

  result<bool> change(const uuid& incarnation, member_state to, std::string_view why,
                      const auto& condition) {
    if (tables_->away) return fail(errc::storage_unavailable);
    auto& member = tables_->members.at(incarnation);
    if (ended(member) || member.state == to || !condition(member)) return false;
    member.state = to;
    member.why = why;
    ++tables_->version;
    return true;
  }

  std::shared_ptr<shared_tables> tables_;
};

/// Some members over one database, and the time they all see.
struct cluster {
  std::shared_ptr<shared_tables> tables = std::make_shared<shared_tables>();
  membership::clock::time_point now{1h};
  metric_registry metrics;
  std::shared_ptr<membership_probe> probe = std::make_shared<membership_probe>(metrics);

  struct member {
    uuid id = make_uuid_v7();
    std::shared_ptr<membership_view> view = std::make_shared<membership_view>();
    bool told_dead = false;
    int declared = 0; ///< deaths, by this one
    std::unique_ptr<membership> part;
  };

  std::unique_ptr<member> join(const std::string& name,
                               std::function<bool(const member_record&)> has_ended = {}) {
    auto made = std::make_unique<member>();
    membership_settings settings;
    settings.self = {.incarnation = made->id, .node = name, .lease = 2'000ms};
    settings.has_ended = std::move(has_ended);
    settings.on_declared = [m = made.get()] { ++m->declared; };
    settings.on_death = [m = made.get()] { m->told_dead = true; };
    made->part = std::make_unique<membership>(std::move(settings),
                                              std::make_shared<memory_store>(tables), made->view,
                                              probe, [this] { return now; });
    return made;
  }

  member_state state(const member& m) const { return tables->members.at(m.id).state; }

  /// Half seconds in which only these renew.
  void pass(int turns, std::initializer_list<member*> who) {
    for (int i = 0; i < turns; ++i) {
      now += 500ms;
      for (auto* m : who) m->part->renew();
    }
  }
};

} // namespace

TEST_CASE("members see each other, and what each says of itself") {
  cluster c;
  auto a = c.join("a");
  auto b = c.join("b");
  c.pass(1, {a.get(), b.get()});
  a->part->change_state(member_state::active, "serves");
  CHECK(c.state(*a) == member_state::active);
  c.pass(1, {a.get(), b.get()});
  const auto seen = b->view->current();
  REQUIRE(seen->members.size() == 2);
  CHECK(seen->version == 3); // two joined, one became active
  CHECK(std::ranges::count(seen->members, member_state::active, &member_record::state) == 1);
}

TEST_CASE("a member that no longer renews is declared dead by the others, and finds out") {
  cluster c;
  auto a = c.join("a");
  auto b = c.join("b");
  c.pass(2, {a.get(), b.get()});
  c.pass(5, {a.get()});
  CHECK(c.state(*b) == member_state::joining); // its lease and the margin are not over
  c.pass(1, {a.get()});
  CHECK(c.state(*b) == member_state::dead);
  CHECK_FALSE(a->told_dead);

  CHECK_FALSE(b->told_dead);
  b->part->renew();
  CHECK(b->told_dead);
  CHECK(b->part->ended());
  CHECK_FALSE(b->view->lease().valid(c.now));
  b->part->renew();
  CHECK(c.state(*b) == member_state::dead); // for good
}

TEST_CASE("two members that saw the lease pass need no margin") {
  cluster c;
  auto a = c.join("a");
  auto b = c.join("b");
  auto gone = c.join("gone");
  c.pass(2, {a.get(), b.get(), gone.get()});
  c.pass(4, {a.get(), b.get()}); // 2 s: from the first look after its last renewal
  CHECK(c.state(*gone) == member_state::joining);
  c.pass(1, {a.get()});
  CHECK(c.state(*gone) == member_state::joining); // the vote of one
  b->part->renew();
  CHECK(c.state(*gone) == member_state::dead);
  CHECK(a->declared == 0);
  CHECK(b->declared == 1);
}

TEST_CASE("whoever sees a member stand still renews again when that member's lease is over") {
  cluster c;
  auto a = c.join("a");
  auto b = c.join("b");
  auto gone = c.join("gone");
  c.pass(2, {a.get(), b.get(), gone.get()});
  c.pass(1, {gone.get()});
  // 100 and 200 ms after its last renewal, which both see for the first time then.
  auto look = [&](std::chrono::milliseconds at, cluster::member& who) {
    c.now = membership::clock::time_point{1h} + 1'500ms + at;
    who.part->renew();
    return who.part->next_after(c.now) - c.now;
  };
  for (auto turn = 0ms; turn < 2'000ms; turn += 500ms) {
    CHECK(look(turn + 100ms, *a) == 500ms);
    CHECK(look(turn + 200ms, *b) == 500ms);
  }
  CHECK(look(2'050ms, *a) == 50ms); // asked to look by somebody else, too early for a vote
  look(2'100ms, *a);
  CHECK(c.state(*gone) == member_state::joining);
  look(2'200ms, *b);
  CHECK(c.state(*gone) == member_state::dead);
}

TEST_CASE("votes on an earlier renewal count for nothing") {
  cluster c;
  auto a = c.join("a");
  auto b = c.join("b");
  auto late = c.join("late");
  c.pass(2, {a.get(), b.get(), late.get()});
  c.pass(5, {a.get()});
  late->part->renew(); // it lives
  c.pass(2, {a.get()});
  c.pass(4, {b.get()});
  CHECK(c.state(*late) == member_state::joining);
}

TEST_CASE(
  "a member that starts again ends the one of its name whose process is gone, and no other") {
  cluster c;
  auto first = c.join("a");
  auto other = c.join("b");
  c.pass(1, {first.get(), other.get()});
  auto doubtful = c.join("a", [](const member_record&) { return false; });
  c.pass(1, {doubtful.get()});
  CHECK(c.state(*first) == member_state::joining);
  auto second = c.join("a",
                       [id = first->id](const member_record& m) { return m.incarnation == id; });
  c.pass(1, {second.get()});
  CHECK(c.state(*first) == member_state::dead);
  CHECK(c.state(*doubtful) == member_state::joining);
  CHECK(c.state(*other) == member_state::joining);
  CHECK(c.state(*second) == member_state::joining);
}

TEST_CASE("a database that is away kills nobody; leases end and come back") {
  cluster c;
  auto a = c.join("a");
  auto b = c.join("b");
  c.pass(2, {a.get(), b.get()});
  CHECK(a->view->lease().valid(c.now));
  c.tables->away = true;
  c.pass(3, {a.get(), b.get()});
  CHECK(a->view->lease().valid(c.now));
  c.pass(1, {a.get(), b.get()});
  CHECK_FALSE(a->view->lease().valid(c.now));
  c.pass(20, {a.get(), b.get()});
  c.tables->away = false;
  c.pass(5, {a.get()}); // b is late by less than its lease and the margin
  CHECK(c.state(*b) == member_state::joining);
  CHECK(a->view->lease().valid(c.now));
  b->part->renew();
  CHECK_FALSE(b->told_dead);
}

TEST_CASE("the lease counts from before the renewal was sent") {
  cluster c;
  auto a = c.join("a");
  c.pass(1, {a.get()});
  CHECK(a->view->lease().valid(c.now + 1'999ms));
  CHECK_FALSE(a->view->lease().valid(c.now + 2'000ms));
}

TEST_CASE("a state that could not be told is told when the database is back") {
  cluster c;
  auto a = c.join("a");
  c.pass(1, {a.get()});
  c.tables->away = true;
  a->part->change_state(member_state::active, "serves");
  CHECK(c.state(*a) == member_state::joining);
  c.tables->away = false;
  c.pass(1, {a.get()});
  CHECK(c.state(*a) == member_state::active);
}

TEST_CASE("a member that left renews no more and has no lease") {
  cluster c;
  auto a = c.join("a");
  c.pass(1, {a.get()});
  a->part->change_state(member_state::left, "stopped");
  CHECK(c.state(*a) == member_state::left);
  CHECK_FALSE(a->view->lease().valid(c.now));
  c.pass(3, {a.get()});
  CHECK_FALSE(a->told_dead);
  CHECK_FALSE(a->view->lease().valid(c.now));
}
