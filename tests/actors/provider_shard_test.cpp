#define CAF_SUITE provider_shard

#include "tests/actors/provider_fixture.hpp"

#include "actors/provider/searchable.hpp"

// What a shard of providers makes of what fetchers say. When it starts them: provider_schedule_test.cpp.

using namespace troupe;
using namespace troupe::test;

namespace {

struct fixture : provider_fixture {
  uuid acme = create_fetched(24h);

  /// The fetch that was started last.
  const started_fetch& current() const { return fetches.back(); }

  /// Ends the running fetch and starts the next.
  void fetch_again() {
    CAF_REQUIRE(end(current())->value);
    join(acme);
  }

  const event_record* row_of(const std::string& event_id) const {
    const auto& rows = tables.providers.events;
    const auto found = std::ranges::find(rows, event_id, &event_record::event_id);
    return found == rows.end() ? nullptr : &*found;
  }

  /// Whether the search would show it.
  bool is_shown(const std::string& event_id) const {
    return searchable(*row_of(event_id), tables.providers.providers.front(), false).has_value();
  }

  box<event_history> history(const uuid& event_id, std::uint32_t limit, std::int64_t before = 0) {
    read_event_history wanted{acme, event_id, before, limit};
    auto answer = send<event_history>(providers, fresh_call(), wanted);
    settle();
    return answer;
  }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(provider_shard_tests, fixture)

// -- events -----------------------------------------------------------------------------------------

CAF_TEST(only what differs from what is known is written) {
  CAF_CHECK_EQUAL(stored(current(), {event("1"), event("2")}), 2u);
  CAF_CHECK_EQUAL(tables.providers.events.size(), 2u);
  CAF_CHECK_EQUAL(tables.event_changes.size(), 2u);
  const auto commits = tables.commits;
  const auto told = changes;
  CAF_CHECK_EQUAL(stored(current(), {event("1"), event("2")}), 0u);
  CAF_CHECK_EQUAL(tables.commits, commits);
  CAF_CHECK_EQUAL(changes, told);
  auto renamed = event("2");
  renamed.title = "Another";
  tables.event_zones.clear();
  CAF_CHECK_EQUAL(stored(current(), {event("1"), renamed}), 1u);
  CAF_CHECK_EQUAL(tables.event_changes.size(), 3u);
  CAF_CHECK_EQUAL(tables.event_changes.back().changed, "title");
  CAF_CHECK_EQUAL(row_of("2")->version, 2);
  CAF_CHECK(tables.event_zones.empty()); // the same as before
}

CAF_TEST(events that differ get numbers in the order of their commits) {
  stored(current(), {event("1"), event("2")});
  const auto first = row_of("1")->seq;
  CAF_CHECK_EQUAL(row_of("2")->seq, first + 1);
  stored(current(), {event("1", false)});
  CAF_CHECK_EQUAL(row_of("1")->seq, first + 2);
}

CAF_TEST(the node is told of events once they are durable and not before) {
  const auto before = changes;
  tables.hold = true;
  auto answer = store(current(), {event("1")});
  CAF_CHECK(answer->pending());
  CAF_CHECK_EQUAL(changes, before);
  store_held();
  CAF_CHECK(answer->value.has_value());
  CAF_CHECK_EQUAL(changes, before + 1);
}

CAF_TEST(what a whole answer no longer has leaves the feed in several turns and stays searchable) {
  constexpr int all = 2'100;
  std::vector<feed_event> events;
  for (int i = 0; i < all; ++i) events.push_back(event(std::to_string(i), i != 1));
  stored(current(), std::move(events));
  fetch_again();
  const auto written = tables.event_changes.size();
  CAF_CHECK_EQUAL(stored(current(), {event("7")}, {{"base", "8", "no title", 3}}), 0u);
  std::vector<std::uint32_t> turns;
  do {
    auto answer = drop(current());
    CAF_REQUIRE(answer->value);
    turns.push_back(answer->value->value.changed);
  } while (turns.back() > 0 && turns.size() < 10);
  CAF_CHECK_EQUAL(turns, (std::vector<std::uint32_t>{1'000, 1'000, all - 2'002, 0}));
  CAF_CHECK_EQUAL(tables.event_changes.size(), written + all - 2);
  CAF_CHECK(row_of("7")->in_feed);
  CAF_CHECK(row_of("8")->in_feed); // a rejected one is still there
  CAF_CHECK(!row_of("0")->in_feed);
  CAF_CHECK(row_of("0")->ever_online);
  CAF_CHECK(is_shown("0"));
  CAF_CHECK(!is_shown("1"));                            // it was never online
  CAF_CHECK_EQUAL(stored(current(), {event("0")}), 1u); // and comes back
  CAF_CHECK(row_of("0")->in_feed);
}

CAF_TEST(the history of an event is read in pages and the newest comes first) {
  stored(current(), {event("1")});
  stored(current(), {event("1", false)});
  auto renamed = event("1", false);
  renamed.title = "Another";
  stored(current(), {renamed});
  const auto id = row_of("1")->id;
  auto first = history(id, 2);
  CAF_REQUIRE(first->value);
  CAF_CHECK(first->value->more);
  CAF_REQUIRE_EQUAL(first->value->items.size(), 2u);
  CAF_CHECK_EQUAL(first->value->items[0].version, 3);
  CAF_CHECK_EQUAL(first->value->items[0].changed, std::vector<std::string>{"title"});
  CAF_CHECK_EQUAL(first->value->items[0].values.title, "Another");
  CAF_CHECK_EQUAL(first->value->items[1].changed, std::vector<std::string>{"online"});
  auto rest = history(id, 2, first->value->items[1].version);
  CAF_REQUIRE(rest->value);
  CAF_CHECK(!rest->value->more);
  CAF_REQUIRE_EQUAL(rest->value->items.size(), 1u);
  CAF_CHECK_EQUAL(rest->value->items[0].changed, std::vector<std::string>{"new"});
  CAF_CHECK(refused(*history(make_uuid_v7(), 2), errc::no_such_event));
}

// -- the end of a fetch -----------------------------------------------------------------------------

CAF_TEST(a whole answer is remembered for the next request and its first rejects are kept) {
  std::vector<rejected_event> many;
  for (int i = 0; i < 1'005; ++i) many.push_back({"base", std::to_string(i), "no title", 3});
  stored(current(), {}, many);
  end_fetch how;
  how.etag = "\"v1\"";
  how.last_modified = "yesterday";
  how.format = "plan";
  how.answer_digest.fill(3);
  how.rejected = 1'005;
  CAF_REQUIRE(say<seen_answer>(current(), how)->value);
  CAF_CHECK_EQUAL(rejects_of(acme).size(), 1'000u);
  CAF_CHECK_EQUAL(rejects_of(acme).front().reason, "no title");
  CAF_CHECK_EQUAL(see(acme).fetch.rejected, 1'005);
  join(acme);
  CAF_CHECK_EQUAL(current().order.request.if_none_match, "\"v1\"");
  CAF_CHECK_EQUAL(current().order.request.if_modified_since, "yesterday");
  CAF_CHECK(current().order.answer_digest == how.answer_digest);
}

CAF_TEST(what was known of another url is not asked for at the new one) {
  change_provider wanted;
  wanted.id = acme;
  wanted.url = "http://feeds.example/moved";
  CAF_REQUIRE(ask<seen_answer>(providers, fresh_call(), wanted).value);
  end_fetch how; // of the fetch that began before
  how.etag = "\"v1\"";
  how.last_modified = "yesterday";
  CAF_REQUIRE(say<seen_answer>(current(), how)->value);
  join(acme);
  CAF_CHECK_EQUAL(current().order.request.url, "http://feeds.example/moved");
  CAF_CHECK_EQUAL(current().order.request.if_none_match, "");
  CAF_CHECK_EQUAL(current().order.request.if_modified_since, "");
}

CAF_TEST(a fetch that fails or brings nothing new leaves the rejects of the last whole answer) {
  stored(current(), {}, {{"base", "1", "no title", 3}});
  fetch_again();
  stored(current(), {}, {{"base", "2", "no title", 3}});
  end(current(), "feed");
  CAF_REQUIRE_EQUAL(rejects_of(acme).size(), 1u);
  CAF_CHECK_EQUAL(rejects_of(acme).front().id, "1");
  join(acme);
  end_fetch same;
  same.not_modified = true;
  CAF_REQUIRE(say<seen_answer>(current(), same)->value);
  CAF_CHECK_EQUAL(rejects_of(acme).size(), 1u);
  CAF_CHECK(see(acme).fetch.not_modified);
}

CAF_TEST(the pieces of an answer take the place of the one before and go with their provider) {
  CAF_REQUIRE(keep(current(), 0, "first")->value);
  CAF_REQUIRE(keep(current(), 1, "more")->value);
  CAF_CHECK_EQUAL(tables.answers[acme].size(), 2u);
  fetch_again();
  CAF_REQUIRE(keep(current(), 0, "second")->value);
  CAF_CHECK_EQUAL(tables.answers[acme].size(), 1u);
  CAF_CHECK_EQUAL(tables.answers[acme][0], "second");
  remove(acme);
  CAF_CHECK_EQUAL(tables.answers.count(acme), 0u);
}

CAF_TEST(the kept answer is read piece by piece) {
  const auto piece = [&](std::uint32_t place) {
    return ask<answer_piece>(providers, fresh_call(), read_answer_piece{acme, place});
  };
  CAF_CHECK(refused(piece(0), errc::not_found));
  keep(current(), 0, "first");
  keep(current(), 1, "second");
  CAF_REQUIRE(piece(0).value && piece(1).value);
  CAF_CHECK_EQUAL(piece(0).value->bytes, "first");
  CAF_CHECK(piece(0).value->more);
  CAF_CHECK_EQUAL(piece(1).value->bytes, "second");
  CAF_CHECK(!piece(1).value->more);
  CAF_CHECK(refused(piece(2), errc::not_found));
}

CAF_TEST(only so many wait for the end of a fetch) {
  std::vector<box<provider_seen>> waiting;
  for (int i = 0; i < 100; ++i) waiting.push_back(join(acme));
  CAF_CHECK(refused(*join(acme), errc::overloaded));
  CAF_CHECK(std::ranges::all_of(waiting, [](auto& one) { return one->pending(); }));
  end(current());
  CAF_CHECK(std::ranges::all_of(waiting, [](auto& one) { return one->value.has_value(); }));
}

CAF_TEST(who waits for a fetch is told how it stands shortly before the deadline) {
  auto c = fresh_call();
  c.deadline = time() + 10min;
  auto waiting = join(acme, c);
  pass(10min - 1s);
  CAF_CHECK(waiting->pending());
  look();
  CAF_REQUIRE(waiting->value);
  CAF_CHECK(waiting->value->fetch.running);
}

// -- fetches that the shard no longer wants ---------------------------------------------------------

CAF_TEST(a fetch that has ended is told so and writes nothing) {
  const auto old = current();
  fetch_again();
  const auto commits = tables.commits;
  CAF_CHECK(refused(*store(old, {event("1")}), errc::not_found));
  CAF_CHECK(refused(*drop(old), errc::not_found));
  CAF_CHECK(refused(*keep(old, 0, "bytes"), errc::not_found));
  CAF_CHECK(refused(*end(old), errc::not_found));
  CAF_CHECK_EQUAL(tables.commits, commits);
  CAF_CHECK(see(acme).fetch.running); // the other one
}

CAF_TEST(a fetch whose provider was deleted writes nothing and its end is the last word) {
  auto waiting = join(acme);
  stored(current(), {event("1")});
  remove(acme);
  const auto commits = tables.commits;
  CAF_CHECK(refused(*store(current(), {event("2")}), errc::no_such_provider));
  CAF_CHECK(refused(*drop(current()), errc::no_such_provider));
  CAF_CHECK(refused(*keep(current(), 0, "bytes"), errc::no_such_provider));
  CAF_CHECK(waiting->pending());
  CAF_CHECK(refused(*end(current(), "store"), errc::no_such_provider));
  CAF_CHECK(refused(*waiting, errc::no_such_provider));
  CAF_CHECK(refused(*store(current(), {event("2")}), errc::not_found));
  CAF_CHECK_EQUAL(tables.commits, commits);
}

CAF_TEST(a tenure that is lost is told to everybody and the next one begins with what is stored) {
  const auto old = current();
  stored(old, {event("1")});
  auto waiting = join(acme);
  take_away();
  CAF_CHECK(refused(*store(old, {event("2")}), errc::not_owner));
  CAF_CHECK(refused(*waiting, errc::not_owner));
  CAF_CHECK_EQUAL(entry.state.load(), shard_state::fenced);
  serve();
  const auto commits = tables.commits;
  CAF_CHECK(refused(*store(old, {event("2")}), errc::not_found));
  CAF_CHECK(refused(*end(old), errc::not_found));
  CAF_CHECK_EQUAL(tables.commits, commits);
  look(); // no end of a fetch is stored: it is due
  CAF_REQUIRE_EQUAL(fetches.size(), 2u);
  CAF_CHECK(current().order.number != old.order.number);
  CAF_CHECK_EQUAL(stored(current(), {event("1"), event("2")}), 1u);
}

CAF_TEST(who waits for the end of a fetch is told why it could not be stored) {
  auto waiting = join(acme);
  tables.refuse_writes = true;
  CAF_CHECK(refused(*end(current()), errc::storage_unavailable));
  CAF_CHECK(refused(*waiting, errc::storage_unavailable));
  CAF_CHECK(!see(acme).fetch.succeeded_at.has_value());
  CAF_CHECK(!see(acme).fetch.running);
  tables.refuse_writes = false;
  waiting = join(acme);
  take_away();
  CAF_CHECK(refused(*end(current()), errc::not_owner));
  CAF_CHECK(refused(*waiting, errc::not_owner));
}

CAF_TEST(an end that waits for its turn when the tenure is lost is told to those who wait for it) {
  auto waiting = join(acme);
  tables.hold = true;
  auto batch = store(current(), {event("1")});
  auto ended = end(current());
  take_away();
  store_held();
  CAF_CHECK(refused(*batch, errc::not_owner));
  CAF_CHECK(refused(*ended, errc::not_owner));
  CAF_CHECK(refused(*waiting, errc::not_owner));
}

CAF_TEST(a shard that is released finishes the write under way and tells those who wait) {
  const auto old = current();
  auto waiting = join(acme);
  tables.hold = true;
  auto batch = store(old, {event("1")});
  auto released = release();
  CAF_CHECK(released->pending());
  CAF_CHECK(waiting->pending());
  store_held();
  CAF_CHECK(released->value.has_value());
  CAF_CHECK(batch->value.has_value());
  CAF_CHECK(refused(*waiting, errc::not_owner));
  CAF_CHECK(refused(*store(old, {event("2")}), errc::not_found));
  pass(24h);
  CAF_CHECK_EQUAL(fetches.size(), 1u);
  serve();
  look();
  CAF_REQUIRE_EQUAL(fetches.size(), 2u);
  CAF_CHECK_EQUAL(stored(current(), {event("1"), event("2")}), 1u);
}

// -- a storage that fails ---------------------------------------------------------------------------

CAF_TEST(a batch that the storage refuses is not half known) {
  tables.refuse_writes = true;
  const auto told = changes;
  CAF_CHECK(refused(*store(current(), {event("1"), event("2")}), errc::storage_unavailable));
  CAF_CHECK_EQUAL(changes, told);
  tables.refuse_writes = false;
  CAF_CHECK_EQUAL(stored(current(), {event("1"), event("2")}), 2u);
}

CAF_TEST(a batch whose commit was in doubt counts once) {
  const auto told = changes;
  tables.hold = true;
  auto batch = store(current(), {event("1")});
  CAF_REQUIRE_EQUAL(tables.held.size(), 1u);
  tables.commit(tables.held.front()); // its answer is lost, and the lane looks into the ledger
  tables.doubt_writes = true;
  store_held();
  tables.doubt_writes = false;
  CAF_REQUIRE(batch->value);
  CAF_CHECK_EQUAL(batch->value->value.changed, 1u);
  CAF_CHECK_EQUAL(changes, told + 1);
  CAF_CHECK_EQUAL(stored(current(), {event("1")}), 0u);
  CAF_CHECK_EQUAL(tables.event_changes.size(), 1u);
}

// -- providers --------------------------------------------------------------------------------------

CAF_TEST(a change to what is there already is stored for its key and tells nobody) {
  const auto told = changes;
  const auto c = keyed_call(1);
  change_provider same;
  same.id = acme;
  same.name = "Acme";
  CAF_REQUIRE(ask<seen_answer>(providers, c, same).value);
  CAF_CHECK_EQUAL(changes, told);
  CAF_CHECK_EQUAL(see(acme).version, 1);
  auto again = ask<seen_answer>(providers, c, same);
  CAF_REQUIRE(again.value);
  CAF_CHECK(again.value->replayed);
}

CAF_TEST(an address or a format or a zone that cannot be is refused by its field) {
  const auto detail = [&](auto set) {
    create_provider wanted{make_uuid_v7(), "Acme", "http://feeds.example/", {}, 60, "UTC", false};
    set(wanted);
    auto answer = ask<seen_answer>(providers, fresh_call(), wanted);
    CAF_REQUIRE(refused(answer, errc::invalid_field));
    return answer.why->detail.substr(0, answer.why->detail.find(' '));
  };
  CAF_CHECK_EQUAL(detail([](auto& p) { p.url = "http://127.0.0.1/"; }), "/url");
  CAF_CHECK_EQUAL(detail([](auto& p) { p.format = "none"; }), "/format");
  CAF_CHECK_EQUAL(detail([](auto& p) { p.time_zone = "Europe/Nowhere"; }), "/time_zone");
}

CAF_TEST_FIXTURE_SCOPE_END()
