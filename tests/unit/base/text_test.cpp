#include "base/text.hpp"

#include <doctest/doctest.h>

using namespace troupe;
using namespace std::string_view_literals;

TEST_CASE("JSON strings escape what JSON does not allow") {
  CHECK(in_quotes("") == R"("")");
  CHECK(in_quotes("plain") == R"("plain")");
  CHECK(in_quotes("a\"b\\c") == R"("a\"b\\c")");
  CHECK(in_quotes("\n\r\t") == R"("\n\r\t")");
  CHECK(in_quotes("\0\x01\x1f\x7f"sv) == R"("\u0000\u0001\u001f\u007f")");
  CHECK(in_quotes("\x1b[31m") == R"("\u001b[31m")");
}

TEST_CASE("well-formed UTF-8 stays, every other byte becomes U+FFFD") {
  CHECK(in_quotes("Zoë 日本 🎮") == "\"Zoë 日本 🎮\"");
  constexpr auto bad = "\xEF\xBF\xBD"sv;
  auto replaced = [&](std::string_view bytes, int times) {
    std::string expected = "\"";
    for (int i = 0; i < times; ++i) expected += bad;
    return in_quotes(bytes) == expected + '"';
  };
  CHECK(replaced("\xFF", 1));
  CHECK(replaced("\x80\x80", 2));
  CHECK(replaced("\xC3", 1));             // cut off
  CHECK(replaced("\xE2\x82", 2));         // cut off
  CHECK(replaced("\xC0\xAF", 2));         // longer than needed
  CHECK(replaced("\xE0\x80\xAF", 3));     // longer than needed
  CHECK(replaced("\xED\xA0\x80", 3));     // a surrogate
  CHECK(replaced("\xF4\x90\x80\x80", 4)); // beyond U+10FFFF
  CHECK(in_quotes("a\xFFz") == std::string{"\"a"} + std::string{bad} + "z\"");
}

TEST_CASE("the edit distance counts insertions, deletions, changes and swaps") {
  CHECK(edit_distance("", "") == 0);
  CHECK(edit_distance("port", "port") == 0);
  CHECK(edit_distance("", "abc") == 3);
  CHECK(edit_distance("port", "prot") == 1);
  CHECK(edit_distance("http.prt", "http.port") == 1);
  CHECK(edit_distance("log.levle", "log.level") == 1);
  CHECK(edit_distance("kitten", "sitting") == 3);
}
