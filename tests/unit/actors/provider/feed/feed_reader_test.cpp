#include <fstream>
#include <iterator>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "tests/unit/actors/provider/feed/read_feed.hpp"

using namespace troupe;
using test::at;
using test::list_of;
using test::price;
using test::read;

namespace {

std::string file(const std::string& name) {
  std::ifstream in{"tests/data/events/" + name, std::ios::binary};
  REQUIRE(in.good());
  return {std::istreambuf_iterator<char>{in}, {}};
}

/// A valid event but for what `more` says of it; attributes in `without` are left out.
std::string event(std::string_view id, std::string_view more = "", std::string_view without = "",
                  std::string_view zones = "") {
  std::string text = "<event";
  auto add = [&](std::string_view name, std::string_view value) {
    if (name != without && !more.contains(fmt::format("{}=", name)))
      text += fmt::format(" {}=\"{}\"", name, value);
  };
  add("event_id", id);
  add("event_start_date", "2021-06-30T21:00:00");
  add("event_end_date", "2021-06-30T22:00:00");
  add("sold_out", "false");
  return fmt::format("{} {}>{}</event>", text, more, zones);
}

constexpr std::string_view good_zone =
  R"(<zone zone_id="1" capacity="1" price="1" name="" numbered="true"/>)";

} // namespace

TEST_CASE("the older answer of a provider is read to the letter") {
  auto got = read(file("eventList_response_1.xml"));
  REQUIRE(got.outcome);
  CHECK(got.format == "eventList");
  CHECK(got.rejects.empty());
  REQUIRE(got.events.size() == 3);
  CHECK(got.events[0] == feed_event{.base_id = "291",
                                    .id = "291",
                                    .title = "Camela en concierto",
                                    .organizer_id = std::nullopt,
                                    .online = true,
                                    .sold_out = false,
                                    .starts_at = at("2021-06-30T21:00:00"),
                                    .ends_at = at("2021-06-30T22:00:00"),
                                    .sell_from = at("2020-07-01T00:00:00"),
                                    .sell_to = at("2021-06-30T20:00:00"),
                                    .zones = {{"40", "Platea", 243, price("20"), true},
                                              {"38", "Grada 2", 100, price("15"), false},
                                              {"30", "A28", 90, price("30"), true}}});
  // The same event id under two base events, and a zone id twice in one event.
  CHECK(got.events[1].base_id == "322");
  CHECK(got.events[2].base_id == "1591");
  CHECK(got.events[1].id == got.events[2].id);
  CHECK(got.events[2].organizer_id == "1");
  CHECK(got.events[2].zones ==
        std::vector<feed_zone>{{"186", "Amfiteatre", 2, price("75"), true},
                               {"186", "Amfiteatre", 16, price("65"), false}});
}

TEST_CASE("the newer answer of a provider is read to the letter") {
  auto got = read(file("planList_response_1_excerpt.xml"));
  REQUIRE(got.outcome);
  CHECK(got.format == "planList");
  CHECK(got.rejects.empty());
  REQUIRE(got.events.size() == 3);
  CHECK(got.events[0].title == "Camela en concierto");
  CHECK(got.events[0].zones.size() == 2);
  CHECK(got.events[1].id == "1642");
  CHECK(got.events[2] == feed_event{.base_id = "322",
                                    .id = "1643",
                                    .title = "Pantomima Full",
                                    .organizer_id = "2",
                                    .online = true,
                                    .sold_out = false,
                                    .starts_at = at("2021-02-11T20:00:00"),
                                    .ends_at = at("2021-02-11T21:30:00"),
                                    .sell_from = at("2021-01-01T00:00:00"),
                                    .sell_to = at("2021-02-10T19:50:00"),
                                    .zones = {{"311", "A42", 2, price("55"), true}}});
}

TEST_CASE("the pieces in which an answer arrives do not show") {
  std::string events;
  for (int i = 0; i < 500; ++i) events += event(fmt::format("{}", i % 400), "", "", good_zone);
  auto large = list_of(events);
  CHECK(large.size() > 64 * 1024);
  for (const auto& document :
       {file("eventList_response_1.xml"), file("planList_response_1_excerpt.xml"), large,
        large.substr(0, 50'000), large.substr(0, 50'000) + "</x>"}) {
    auto whole = read(document);
    CHECK(read(document, 1) == whole);
    CHECK(read(document, 7) == whole);
    CHECK(read(document, 16 * 1024 + 1) == whole);
  }
}

TEST_CASE("a format that was asked for is the one that is used") {
  auto document = file("planList_response_1_excerpt.xml");
  CHECK(find_feed_format("rss") == nullptr);
  CHECK(read(document, 100, find_feed_format("planList")).events.size() == 3);
  auto got = read(document, 100, find_feed_format("eventList"));
  CHECK(got.events.empty());
  CHECK(got.outcome.error().detail ==
        "the root element is \"planList\", which the format eventList has not; "
        "known formats: eventList, planList (line 2, column 1)");
}

TEST_CASE("a root that no format has is refused with the formats there are") {
  auto got = read("<rss/>");
  CHECK(got.outcome.error().code == errc::malformed_body);
  CHECK(got.outcome.error().detail ==
        "the root element is \"rss\"; known formats: eventList, planList (line 1, column 1)");
}

TEST_CASE("a bad event is rejected with what is wrong, and costs no other") {
  struct row {
    std::string bad;
    std::string_view reason;
  };
  auto zone = [](std::string_view text) { return event("2", "", "", text); };
  const std::string many = fmt::format("event_id=\"{}\"", std::string(65, 'x'));
  for (
    const auto& [bad, reason] : {
      row{event("2", "", "event_id"), "event event_id: missing"},
      {event("2", R"(event_id="")"), "event event_id \"\": empty"},
      {event("2", many),
       "event event_id \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\": more than 64 bytes"},
      {event("2", "", "event_start_date"), "event event_start_date: missing"},
      {event("2", R"(event_start_date="2021-09-31T20:00:00")"),
       "event event_start_date \"2021-09-31T20:00:00\": no such date"},
      {event("2", R"(event_end_date="2021-06-30T25:00:00")"),
       "event event_end_date \"2021-06-30T25:00:00\": no such time of day"},
      {event("2", R"(event_end_date="tomorrow &#34;or&#34; so")"),
       "event event_end_date \"tomorrow \\\"or\\\" so\": no local time such as 2021-06-30T21:00:00"},
      {event("2", R"(event_end_date="2021-06-30T20:59:59")"),
       "event event_end_date \"2021-06-30T20:59:59\": before the start"},
      {event("2", R"(sell_from="")"),
       "event sell_from \"\": no local time such as 2021-06-30T21:00:00"},
      {event("2", R"(sell_to="2021-02-29T00:00:00")"),
       "event sell_to \"2021-02-29T00:00:00\": no such date"},
      {event("2", "", "sold_out"), "event sold_out: missing"},
      {event("2", R"(sold_out="maybe")"), "event sold_out \"maybe\": neither true nor false"},
      {zone(R"(<zone capacity="1" price="1" name="" numbered="true"/>)"), "zone zone_id: missing"},
      {zone(R"(<zone zone_id="1" price="1" name="" numbered="true"/>)"), "zone capacity: missing"},
      {zone(R"(<zone zone_id="1" capacity="-1" price="1" name="" numbered="true"/>)"),
       "zone capacity \"-1\": no number from 0 to 4294967295"},
      {zone(R"(<zone zone_id="1" capacity="4294967296" price="1" name="" numbered="true"/>)"),
       "zone capacity \"4294967296\": no number from 0 to 4294967295"},
      {zone(R"(<zone zone_id="1" capacity="1" price="1e3" name="" numbered="true"/>)"),
       "zone price \"1e3\": no price from 0 to 1000000000000 with at most 4 decimals"},
      {zone(R"(<zone zone_id="1" capacity="1" price="1" numbered="true"/>)"), "zone name: missing"},
      {zone(fmt::format(R"(<zone zone_id="1" capacity="1" price="1" name="{}" numbered="true"/>)",
                        std::string(257, 'n'))),
       "zone name \"nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn\": more than 256 bytes"},
      {zone(R"(<zone zone_id="1" capacity="1" price="1" name="" numbered="yes"/>)"),
       "zone numbered \"yes\": neither true nor false"},
    }) {
    CAPTURE(bad);
    auto got = read(list_of(event("1") + "\n" + bad + "\n" + event("3", "", "", good_zone)));
    CHECK(got.outcome);
    REQUIRE(got.events.size() == 2);
    CHECK(got.events[0].id == "1");
    CHECK(got.events[1].id == "3");
    REQUIRE(got.rejects.size() == 1);
    CHECK(got.rejects[0].base_id == "1");
    CHECK(got.rejects[0].id == (reason.contains("event_id") ? "" : "2"));
    CHECK(got.rejects[0].reason == reason);
    CHECK(got.rejects[0].line == 2);
    CHECK(got.events[1].zones.size() == 1);
  }
}

TEST_CASE("what is wrong with a base event rejects each of its events and none of the next") {
  for (auto [base, reason] :
       {std::pair{R"(sell_mode="online" title="A")", "base_event base_event_id: missing"},
        {R"(base_event_id="1" title="A")", "base_event sell_mode: missing"},
        {R"(base_event_id="1" sell_mode="online" title="")", "base_event title \"\": empty"},
        {R"(base_event_id="1" sell_mode="online" title="A" organizer_company_id="")",
         "base_event organizer_company_id \"\": empty"}}) {
    CAPTURE(base);
    auto got = read(
      fmt::format("<eventList><output><base_event {}>{}{}</base_event>"
                  R"(<base_event base_event_id="9" sell_mode="offline" title="B">{}</base_event>)"
                  "</output></eventList>",
                  base, event("1"), event("2"), event("1")));
    CHECK(got.outcome);
    REQUIRE(got.rejects.size() == 2);
    for (const auto& reject : got.rejects) CHECK(reject.reason == reason);
    CHECK(got.rejects[1].id == "2");
    REQUIRE(got.events.size() == 1);
    CHECK(got.events[0].base_id == "9");
    CHECK(!got.events[0].online);
  }
}

TEST_CASE("the beginning of a value is cut between characters") {
  std::string value(39, 'x');
  auto got = read(list_of(event("1", fmt::format("sold_out=\"{}é\"", value))));
  REQUIRE(got.rejects.size() == 1);
  CHECK(got.rejects[0].reason ==
        fmt::format("event sold_out \"{}\": neither true nor false", value));
}

TEST_CASE("of events with the same ids the first valid one counts") {
  auto got = read(
    list_of(event("1", R"(sold_out="?")") + event("1", R"(sold_out="true")") + event("1")));
  CHECK(got.outcome);
  REQUIRE(got.events.size() == 1);
  CHECK(got.events[0].sold_out);
  REQUIRE(got.rejects.size() == 2);
  CHECK(got.rejects[1].id == "1");
  CHECK(got.rejects[1].reason ==
        "the answer has an event with these ids already; the first one counts");
}

TEST_CASE("an event has ten thousand zones at most") {
  std::string zones;
  for (std::size_t i = 0; i < feed_bounds::zones; ++i) zones += good_zone;
  auto got = read(list_of(event("1", "", "", zones) +
                          event("2", "", "", zones + std::string{good_zone}) + event("3")));
  CHECK(got.outcome);
  REQUIRE(got.events.size() == 2);
  CHECK(got.events[0].zones.size() == feed_bounds::zones);
  CHECK(got.events[1].zones.empty());
  REQUIRE(got.rejects.size() == 1);
  CHECK(got.rejects[0].reason == "event: more than 10000 zones");
}

TEST_CASE("elements and attributes that nobody knows are ignored, with what they hold") {
  auto inner = event("2", "", "", good_zone);
  auto got = read(fmt::format(
    "<eventList new=\"1\"><page><base_event base_event_id=\"1\" sell_mode=\"online\" "
    "title=\"A\" mood=\"good\"><old>{0}</old>text<event color=\"red\" {1}<more>{2}</more>"
    "<zone zone_id=\"7\" capacity=\"1\" price=\"1\" name=\"\" numbered=\"0\">{2}</zone>"
    "</event></base_event></page><!-- {0} --></eventList>",
    inner, event("1").substr(6, event("1").find('>') - 5), good_zone));
  CHECK(got.outcome);
  CHECK(got.rejects.empty());
  REQUIRE(got.events.size() == 1);
  CHECK(got.events[0].id == "1");
  REQUIRE(got.events[0].zones.size() == 1);
  CHECK(got.events[0].zones[0].id == "7");
}

TEST_CASE("an event outside of a base event is rejected") {
  auto got = read("<eventList><output>" + event("1") + "</output></eventList>");
  CHECK(got.outcome);
  CHECK(got.events.empty());
  REQUIRE(got.rejects.size() == 1);
  CHECK(got.rejects[0].reason == "event: not in a base_event");
}

TEST_CASE("an answer without events is one") {
  auto got = read("<eventList><output/></eventList>");
  CHECK(got.outcome);
  CHECK(got.events.empty());
}
