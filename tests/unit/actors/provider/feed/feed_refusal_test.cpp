#include <doctest/doctest.h>
#include <fmt/format.h>

#include "tests/unit/actors/provider/feed/read_feed.hpp"

// What is refused as a whole.

using namespace troupe;
using test::list_of;
using test::read;

namespace {

constexpr std::string_view event =
  R"(<event event_id="1" event_start_date="2021-06-30T21:00:00" event_end_date="2021-06-30T22:00:00" sold_out="0"/>)";

failure failure_of(std::string_view document) {
  auto got = read(document);
  REQUIRE(!got.outcome);
  return got.outcome.error();
}

std::string repeat(std::string_view text, std::size_t times) {
  std::string all;
  for (; times > 0; --times) all += text;
  return all;
}

} // namespace

TEST_CASE("entities that grow are refused before they are defined") {
  auto it = failure_of(
    R"(<?xml version="1.0"?><!DOCTYPE eventList [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]>)"
    "<eventList>&b;</eventList>");
  CHECK(it.code == errc::malformed_body);
  CHECK(it.detail.starts_with("a document type is not accepted (line 1, column "));
}

TEST_CASE("external entities and external document types are refused") {
  for (auto document :
       {R"(<!DOCTYPE eventList [<!ENTITY a SYSTEM "file:///etc/passwd">]><eventList title="&a;"/>)",
        R"(<!DOCTYPE eventList SYSTEM "http://localhost/list.dtd"><eventList/>)",
        R"(<!DOCTYPE eventList PUBLIC "x" "y" [<!ENTITY % a SYSTEM "z"> %a;]><eventList/>)",
        "<!DOCTYPE eventList><eventList/>"})
    CHECK_MESSAGE(failure_of(document).detail.starts_with("a document type is not accepted"),
                  document);
  CHECK(failure_of("<eventList>&a;</eventList>").detail ==
        "not well-formed: undefined entity (line 1, column 12)");
}

TEST_CASE("a document is sixty-four elements deep at most") {
  CHECK(read("<eventList>" + repeat("<x>", 63) + repeat("</x>", 63) + "</eventList>").outcome);
  auto it = failure_of("<eventList>" + repeat("<x>", 100'000));
  CHECK(it.code == errc::limit_reached);
  CHECK(it.detail == "more than 64 elements deep (line 1, column 201)");
}

TEST_CASE("a tag is 64 KiB long at most") {
  auto document = [](std::size_t tag) {
    constexpr std::string_view around = R"(<x a=""/>)";
    return fmt::format(R"(<eventList><x a="{}"/></eventList>)",
                       std::string(tag - around.size(), 'a'));
  };
  CHECK(read(document(64 * 1024)).outcome);
  CHECK(read(document(64 * 1024), 1).outcome);
  for (auto size : {64 * 1024 + 1, 100'000, 10'000'000}) {
    auto it = failure_of(document(size));
    CHECK(it.code == errc::limit_reached);
    CHECK(it.detail.starts_with("a tag of more than 65536 bytes"));
  }
}

TEST_CASE("a tag that never ends is refused while it arrives") {
  feed_reader reader{{.event = [](feed_event&&) {}, .reject = [](feed_reject&&) {}}};
  REQUIRE(reader.feed("<eventList><!-- "));
  std::string piece(1024, 'c');
  std::size_t sent = 0;
  while (reader.feed(piece)) {
    sent += piece.size();
    REQUIRE(sent < 128 * 1024);
  }
  CHECK(reader.finish().error().code == errc::limit_reached);
}

TEST_CASE("an element has a thousand attributes at most") {
  auto document = [](int count) {
    std::string text = "<eventList><x";
    for (int i = 0; i < count; ++i) text += fmt::format(" a{}=\"\"", i);
    return text + "/></eventList>";
  };
  CHECK(read(document(1'000)).outcome);
  CHECK(failure_of(document(1'001)).detail == "more than 1000 attributes (line 1, column 12)");
}

TEST_CASE("a document of ever new names is refused before it fills the memory") {
  std::string text = "<eventList>";
  for (int i = 0; i < 200'000; ++i) text += fmt::format("<name{} attribute{}=\"\"/>", i, i);
  auto it = failure_of(text);
  CHECK(it.code == errc::limit_reached);
  CHECK(it.detail == "parsing it takes too much memory");
}

TEST_CASE("an answer has two hundred thousand events at most, good or bad") {
  std::string text = list_of("<event/>" + repeat("<event/>", feed_document_bounds::events));
  auto got = read(text);
  CHECK(got.rejects.size() == feed_document_bounds::events);
  CHECK(got.outcome.error().code == errc::limit_reached);
  CHECK(got.outcome.error().detail.starts_with("more than 200000 events"));
}

TEST_CASE("encodings that Expat knows are read, others refused") {
  auto got = read("<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>"
                  "<eventList><base_event base_event_id=\"1\" sell_mode=\"online\" title=\"Espa\xF1"
                  "a\">" +
                  std::string{event} + "</base_event></eventList>");
  CHECK(got.outcome);
  REQUIRE(got.events.size() == 1);
  CHECK(got.events[0].title == "España");
  CHECK(failure_of("<?xml version=\"1.0\" encoding=\"windows-1252\"?><eventList/>").detail ==
        "not well-formed: unknown encoding (line 1, column 31)");
  CHECK(failure_of("<eventList a=\"\xFF\"/>").detail ==
        "not well-formed: not well-formed (invalid token) (line 1, column 15)");
}

TEST_CASE("what is complete before a document breaks is there, and the place is told") {
  auto got = read(
    "<eventList>\n<base_event base_event_id=\"1\" sell_mode=\"online\" title=\"A\">\n" +
    std::string{event} + "\n  </x>");
  CHECK(got.events.size() == 1);
  CHECK(got.outcome.error().code == errc::malformed_body);
  CHECK(got.outcome.error().detail == "not well-formed: mismatched tag (line 4, column 5)");
}

TEST_CASE("a document that ends too early fails at its end, wherever it was cut") {
  auto document = list_of(event);
  REQUIRE(read(document).outcome);
  for (std::size_t size = 0; size < document.size(); ++size) {
    auto got = read(std::string_view{document}.substr(0, size));
    REQUIRE(!got.outcome);
    CHECK(got.outcome.error().detail.starts_with("the document ends too early (line 1, column "));
    CHECK(got.events.size() == (size >= document.find("</base_event>") ? 1 : 0));
  }
}

TEST_CASE("after a failure a reader gives that failure and nothing more") {
  int events = 0;
  feed_reader reader{{.event = [&](feed_event&&) { ++events; }, .reject = [](feed_reject&&) {}}};
  REQUIRE(reader.feed("<rss/>"));
  auto first = reader.finish();
  REQUIRE(!first);
  CHECK(reader.finish() == first);
  CHECK(!reader.feed(list_of(event)));
  CHECK(events == 0);
}
