#include "base/log.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <limits>
#include <string>
#include <thread>

using namespace troupe;

namespace {

/// A pipe whose reading end a test holds: a reader of logs that can be slow.
class log_pipe {
public:
  log_pipe() { REQUIRE(::pipe(ends_.data()) == 0); }
  ~log_pipe() {
    close_write_end();
    ::close(ends_[0]);
  }

  void close_write_end() {
    if (ends_[1] >= 0) ::close(ends_[1]);
    ends_[1] = -1;
  }

  /// Reads until the writing end is closed.
  void drain() const {
    std::array<char, 65'536> chunk;
    while (::read(ends_[0], chunk.data(), chunk.size()) > 0) {}
  }

  int write_end() const { return ends_[1]; }

  /// What is in the pipe now.
  std::string read_all() const {
    std::string all;
    std::array<char, 65'536> chunk;
    pollfd ready{ends_[0], POLLIN, 0};
    while (::poll(&ready, 1, 0) == 1) {
      auto size = ::read(ends_[0], chunk.data(), chunk.size());
      if (size <= 0) break;
      all.append(chunk.data(), static_cast<std::size_t>(size));
    }
    return all;
  }

private:
  std::array<int, 2> ends_{};
};

/// Logging goes back to standard error at the end of a test.
struct restored {
  ~restored() { log::configure(log::level::info, log::format::automatic); }
};

} // namespace

TEST_CASE("a JSON line has time, level, component, event and typed fields") {
  auto line = log::to_json_line(timestamp{1'772'368'200'007}, log::level::warn, "shard",
                                "transition",
                                {{"shard", "player/17"},
                                 {"epoch", 4},
                                 {"big", std::numeric_limits<std::uint64_t>::max()},
                                 {"low", std::numeric_limits<std::int64_t>::min()},
                                 {"ratio", 0.25},
                                 {"ok", true}});
  CHECK(line == R"({"ts":"2026-03-01T12:30:00.007Z","level":"warn","component":"shard",)"
                R"("event":"transition","shard":"player/17","epoch":4,"big":18446744073709551615,)"
                R"("low":-9223372036854775808,"ratio":0.25,"ok":true})"
                "\n");
}

TEST_CASE("what a client sent cannot break out of its field or line") {
  auto line = log::to_json_line(timestamp{0}, log::level::info, "http", "request",
                                {{"path", "/\"},{\"level\":\"error\n\x1b[2J\xFF"}});
  CHECK(line == R"({"ts":"1970-01-01T00:00:00.000Z","level":"info","component":"http",)"
                R"("event":"request","path":"/\"},{\"level\":\"error\n\u001b[2J)"
                "\xEF\xBF\xBD\"}\n");
  auto text = log::to_text_line(timestamp{0}, log::level::info, "http", "request",
                                {{"path", "/a b\n\x1b[2J"}, {"id", "plain"}}, false);
  CHECK(text == "00:00:00.000 info  http       request              "
                "path=\"/a b\\n\\u001b[2J\" id=plain\n");
}

TEST_CASE("numbers that JSON does not have become null") {
  auto line = log::to_json_line(timestamp{0}, log::level::info, "a", "b",
                                {{"x", std::numeric_limits<double>::infinity()},
                                 {"y", std::numeric_limits<double>::quiet_NaN()}});
  CHECK(line.ends_with("\"x\":null,\"y\":null}\n"));
}

TEST_CASE("a long value is cut") {
  std::string huge(1'000'000, 'x');
  CHECK(log::to_json_line(timestamp{0}, log::level::info, "a", "b", {{"x", huge}}).size() < 5'000);
  CHECK(log::to_text_line(timestamp{0}, log::level::info, "a", huge, {{"x", huge}}, true).size() <
        10'000);
}

TEST_CASE("levels have names, and lines below the level are not written") {
  log::level parsed = log::level::info;
  for (auto l : {log::level::trace, log::level::debug, log::level::info, log::level::warn,
                 log::level::error}) {
    CHECK(log::parse_level(log::to_string(l), parsed));
    CHECK(parsed == l);
  }
  CHECK_FALSE(log::parse_level("warning", parsed));
  CHECK_FALSE(log::parse_level("INFO", parsed));

  log_pipe pipe;
  restored at_end;
  log::configure(log::level::warn, log::format::json, pipe.write_end());
  log::info("test", "hidden");
  log::warn("test", "shown");
  log::set_level(log::level::debug);
  log::debug("test", "shown_later");
  log::flush();
  auto all = pipe.read_all();
  CHECK_FALSE(all.contains("hidden"));
  CHECK(all.contains("\"shown\""));
  CHECK(all.contains("\"shown_later\""));
}

TEST_CASE("flush waits until everything is written, in order") {
  log_pipe pipe;
  restored at_end;
  log::configure(log::level::info, log::format::json, pipe.write_end());
  constexpr int lines = 300; // fits into the pipe
  for (int i = 0; i < lines; ++i) log::info("test", "line", {{"n", i}});
  log::flush();
  auto all = pipe.read_all();
  std::size_t at = 0;
  for (int i = 0; i < lines; ++i) {
    at = all.find("\"n\":" + std::to_string(i) + '}', at);
    REQUIRE(at != all.npos);
  }
}

TEST_CASE("a reader that does not read costs lines, never the time of those who log") {
  log_pipe pipe;
  {
    restored at_end;
    log::configure(log::level::info, log::format::json, pipe.write_end());
    std::string text(200, 'x');
    for (int i = 0; i < 50'000; ++i) log::info("test", "line", {{"text", text}});
    CHECK(log::dropped_lines() > 30'000);
    std::jthread late_reader{[&] { pipe.drain(); }};
    log::configure(log::level::info, log::format::automatic); // ends the writing to the pipe
    pipe.close_write_end();
  }
}
