#include "base/log.hpp"

#include <pthread.h>
#include <spdlog/async_logger.h>
#include <spdlog/details/thread_pool.h>
#include <spdlog/sinks/sink.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <csignal>
#include <cstdlib>
#include <memory>
#include <mutex>

#include "base/text.hpp"

namespace troupe::log {

namespace {

constexpr std::array<std::string_view, 5> level_names{"trace", "debug", "info", "warn", "error"};
constexpr std::array<std::string_view, 5> level_colours{"\x1b[2m", "\x1b[36m", "\x1b[32m",
                                                        "\x1b[33m", "\x1b[31m"};
constexpr std::string_view plain = "\x1b[0m";
constexpr std::size_t queue_lines = 8'192;
constexpr std::size_t longest_value = 4'096; // bytes
constexpr auto longest_flush = std::chrono::seconds{2};

std::string_view cut(std::string_view text) noexcept { return text.substr(0, longest_value); }

template <class Number>
void append_number(std::string& out, Number value) {
  std::array<char, 32> digits;
  auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), value);
  out.append(digits.data(), end);
}

/// The value as JSON.
void append_value(std::string& out, const field::value_type& value) {
  if (auto text = std::get_if<std::string_view>(&value)) {
    append_json_string(out, cut(*text));
  } else if (auto flag = std::get_if<bool>(&value)) {
    out += *flag ? "true" : "false";
  } else if (auto number = std::get_if<double>(&value)) {
    if (std::isfinite(*number))
      append_number(out, *number);
    else
      out += "null"; // JSON has no other word for it
  } else if (auto integer = std::get_if<std::int64_t>(&value)) {
    append_number(out, *integer);
  } else {
    append_number(out, std::get<std::uint64_t>(value));
  }
}

/// A word stands as it is, everything else in quotes.
bool is_word(std::string_view text) noexcept {
  if (text.empty()) return false;
  for (unsigned char c : text)
    if (c <= ' ' || c >= 0x7F || c == '"' || c == '=' || c == '\\') return false;
  return true;
}

void append_padded(std::string& out, std::string_view text, std::size_t width) {
  out += text;
  if (text.size() < width) out.append(width - text.size(), ' ');
}

void write_all(int descriptor, std::string_view text) noexcept {
  while (!text.empty()) {
    auto written = ::write(descriptor, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return; // nobody reads the log any more
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

/// Where the writing thread puts finished lines. Only that thread calls `log` and `flush`.
class descriptor_sink final : public spdlog::sinks::sink {
public:
  explicit descriptor_sink(int descriptor) : descriptor_(descriptor) {}

  void log(const spdlog::details::log_msg& msg) override {
    write_all(descriptor_, {msg.payload.data(), msg.payload.size()});
  }

  void flush() override {
    {
      std::lock_guard guard{mutex_};
      ++flushes_;
    }
    flushed_.notify_all();
  }

  std::uint64_t flushes() {
    std::lock_guard guard{mutex_};
    return flushes_;
  }

  void wait_for_flush_after(std::uint64_t count) {
    std::unique_lock lock{mutex_};
    flushed_.wait_for(lock, longest_flush, [&] { return flushes_ > count; });
  }

  void set_pattern(const std::string&) override {}
  void set_formatter(std::unique_ptr<spdlog::formatter>) override {}

private:
  int descriptor_;
  std::mutex mutex_;
  std::condition_variable flushed_;
  std::uint64_t flushes_ = 0;
};

/// What `configure` sets up. Not destroyed at exit, so that a thread may log until the process is gone.
struct output {
  bool json;
  bool colour;
  std::shared_ptr<descriptor_sink> sink;
  std::shared_ptr<spdlog::details::thread_pool> pool;
  std::shared_ptr<spdlog::async_logger> logger;
};

std::atomic<level> lowest_level{level::info};
std::atomic<output*> current_output{nullptr};

} // namespace

std::string to_json_line(timestamp at, level l, std::string_view component, std::string_view event,
                         std::initializer_list<field> fields) {
  std::string line;
  line.reserve(256);
  line += R"({"ts":")";
  line += troupe::to_string(at);
  line += R"(","level":")";
  line += to_string(l);
  line += R"(","component":)";
  append_json_string(line, component);
  line += R"(,"event":)";
  append_json_string(line, cut(event));
  for (const auto& f : fields) {
    line += ',';
    append_json_string(line, f.key);
    line += ':';
    append_value(line, f.value);
  }
  line += "}\n";
  return line;
}

std::string to_text_line(timestamp at, level l, std::string_view component, std::string_view event,
                         std::initializer_list<field> fields, bool colour) {
  std::string line;
  line.reserve(256);
  line += troupe::to_string(at).substr(11, 12); // the time of day
  line += ' ';
  if (colour) line += level_colours[static_cast<std::size_t>(l)];
  append_padded(line, to_string(l), 5);
  if (colour) line += plain;
  line += ' ';
  append_padded(line, component, 10);
  line += ' ';
  std::string what;
  if (is_word(event) || event.find_first_of("\n\r\x1b") == event.npos)
    what = cut(event);
  else
    append_json_string(what, cut(event));
  append_padded(line, what, fields.size() == 0 ? 0 : 20);
  for (const auto& f : fields) {
    line += ' ';
    line += f.key;
    line += '=';
    auto text = std::get_if<std::string_view>(&f.value);
    if (text && is_word(*text))
      line += cut(*text);
    else
      append_value(line, f.value);
  }
  line += '\n';
  return line;
}

void configure(level lowest, format form, int descriptor) {
  bool terminal = ::isatty(descriptor) == 1;
  auto next = new output;
  next->json = form == format::json || (form == format::automatic && !terminal);
  next->colour = terminal && !next->json && std::getenv("NO_COLOR") == nullptr;
  next->sink = std::make_shared<descriptor_sink>(descriptor);
  // The writing thread takes no signals: they are for those who wait for them.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, &before);
  next->pool = std::make_shared<spdlog::details::thread_pool>(queue_lines, 1);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  next->logger = std::make_shared<spdlog::async_logger>(
    "troupe", next->sink, next->pool, spdlog::async_overflow_policy::overrun_oldest);
  next->logger->set_level(spdlog::level::trace); // `enabled` has looked at the level already
  set_level(lowest);
  auto previous = current_output.exchange(next);
  if (previous == nullptr) std::atexit(flush);
  delete previous; // writes out what it still holds
}

void set_level(level lowest) { lowest_level.store(lowest, std::memory_order_relaxed); }

level current_level() noexcept { return lowest_level.load(std::memory_order_relaxed); }

std::string_view to_string(level l) noexcept { return level_names[static_cast<std::size_t>(l)]; }

bool parse_level(std::string_view name, level& out) noexcept {
  for (std::size_t i = 0; i < level_names.size(); ++i) {
    if (level_names[i] != name) continue;
    out = static_cast<level>(i);
    return true;
  }
  return false;
}

bool parse_format(std::string_view name, format& out) noexcept {
  if (name == "auto")
    out = format::automatic;
  else if (name == "json")
    out = format::json;
  else if (name == "text")
    out = format::text;
  else
    return false;
  return true;
}

bool enabled(level l) noexcept { return l >= current_level(); }

void write(level l, std::string_view component, std::string_view event,
           std::initializer_list<field> fields) {
  auto out = current_output.load(std::memory_order_acquire);
  if (out == nullptr) {
    write_all(2, to_text_line(now(), l, component, event, fields, false));
    return;
  }
  auto line = out->json ? to_json_line(now(), l, component, event, fields)
                        : to_text_line(now(), l, component, event, fields, out->colour);
  out->logger->log(spdlog::level::info, spdlog::string_view_t{line.data(), line.size()});
}

void flush() {
  auto out = current_output.load(std::memory_order_acquire);
  if (out == nullptr) return;
  static std::mutex one_at_a_time;
  std::lock_guard guard{one_at_a_time};
  auto before = out->sink->flushes();
  out->logger->flush();
  out->sink->wait_for_flush_after(before);
}

std::uint64_t dropped_lines() noexcept {
  auto out = current_output.load(std::memory_order_acquire);
  return out == nullptr ? 0 : out->pool->overrun_counter();
}

} // namespace troupe::log
