// A load generator for the benchmarks: sends HTTP/1.1 requests at a steady pace whether or not the
// server keeps up, and measures each from the moment it was due, so that a stall of the server
// shows in every request it delayed. With --rate 0 it sends as fast as its connections allow.
// Unlike wrk it waits for every answer before it ends, so its counts are exact.
//
//   paced_load PORT put TOKENS GAMES PAIRS --from N --count N --rate R --connections C
//   paced_load PORT get TOKENS IDS         --from N --count N --rate R --connections C
//   paced_load PORT search PATHS           --from N --count N --rate R --connections C
//
// TOKENS, GAMES, IDS and PATHS hold one value per line; PAIRS holds records of a 32-bit index into
// TOKENS and a 16-bit index into GAMES, both little-endian. `put` registers one pair per request,
// `get` reads one player per request, `search` asks for the paths again and again, without a token.
// The result is one JSON object on standard output, latencies in
// milliseconds. Connects to 127.0.0.1 only. One thread.

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace {

using steady = std::chrono::steady_clock;

struct options {
  std::uint16_t port = 0;
  std::string mode;
  std::vector<std::string> files;
  std::size_t from = 0;
  std::size_t count = 0;
  double rate = 0; ///< requests a second; 0: as fast as it goes
  std::size_t connections = 64;
  std::chrono::seconds give_up{30}; ///< for the last answers
};

[[noreturn]] void die(const std::string& why) {
  std::fprintf(stderr, "paced_load: %s\n", why.c_str());
  std::exit(2);
}

template <class T>
T number(std::string_view text) {
  T value{};
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size())
    die("not a number: " + std::string{text});
  return value;
}

options parse(int argc, char** argv) {
  options parsed;
  std::vector<std::string> plain;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (!word.starts_with("--")) {
      plain.emplace_back(word);
      continue;
    }
    if (i + 1 == argc) die("a value is missing after " + std::string{word});
    const std::string_view value = argv[++i];
    if (word == "--from")
      parsed.from = number<std::size_t>(value);
    else if (word == "--count")
      parsed.count = number<std::size_t>(value);
    else if (word == "--rate")
      parsed.rate = number<double>(value);
    else if (word == "--connections")
      parsed.connections = number<std::size_t>(value);
    else
      die("unknown option " + std::string{word});
  }
  if (plain.size() < 3) die("see the head of paced_load.cpp for its arguments");
  parsed.port = number<std::uint16_t>(plain[0]);
  parsed.mode = plain[1];
  parsed.files.assign(plain.begin() + 2, plain.end());
  if (parsed.connections == 0) die("it needs connections");
  return parsed;
}

std::string read_file(const std::string& path) {
  std::ifstream file{path, std::ios::binary};
  if (!file) die("cannot read " + path);
  return {std::istreambuf_iterator<char>{file}, {}};
}

std::vector<std::string> read_lines(const std::string& path) {
  std::ifstream file{path};
  if (!file) die("cannot read " + path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  if (lines.empty()) die(path + " is empty");
  return lines;
}

/// Makes the text of the n-th request.
class requests {
public:
  explicit requests(const options& chosen) {
    const auto& files = chosen.files;
    if (chosen.mode == "search") {
      if (files.size() != 1) die("search takes PATHS");
      values_ = read_lines(files[0]);
      return;
    }
    if (chosen.mode == "put") {
      if (files.size() != 3) die("put takes TOKENS GAMES PAIRS");
      pairs_ = read_file(files[2]);
    } else if (chosen.mode != "get" || files.size() != 2) {
      die("put, get TOKENS IDS, or search");
    }
    tokens_ = read_lines(files[0]);
    values_ = read_lines(files[1]);
    if (chosen.from + chosen.count > size()) die("there are fewer requests than asked for");
  }

  void append(std::size_t n, std::string& out) const {
    if (tokens_.empty()) {
      out.append("GET ").append(values_[n % values_.size()]);
      out.append(" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
      return;
    }
    if (pairs_.empty()) {
      write(out, "GET /v1/players/", values_[n], tokens_[n % tokens_.size()]);
      return;
    }
    std::uint32_t player = 0;
    std::uint16_t game = 0;
    std::memcpy(&player, pairs_.data() + n * pair_bytes, sizeof player);
    std::memcpy(&game, pairs_.data() + n * pair_bytes + sizeof player, sizeof game);
    write(out, "PUT /v1/players/me/games/", values_.at(game), tokens_.at(player));
  }

private:
  static constexpr std::size_t pair_bytes = 6;

  std::size_t size() const { return pairs_.empty() ? values_.size() : pairs_.size() / pair_bytes; }

  static void write(std::string& out, std::string_view start, std::string_view value,
                    std::string_view token) {
    out.append(start).append(value).append(
      " HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ");
    out.append(token).append("\r\n\r\n");
  }

  std::vector<std::string> tokens_;
  std::vector<std::string> values_;
  std::string pairs_;
};

/// The length of the first whole answer in `data` and its status; length 0 while it is incomplete.
struct answer {
  std::size_t length = 0;
  int status = 0;
};

answer parse_answer(std::string_view data) {
  const auto head_end = data.find("\r\n\r\n");
  if (head_end == std::string_view::npos) return {};
  const auto head = data.substr(0, head_end + 2);
  if (!head.starts_with("HTTP/1.1 ") || head.size() < 12) die("this is no HTTP/1.1 answer");
  answer found;
  found.status = number<int>(head.substr(9, 3));
  std::size_t body = 0;
  for (std::size_t at = head.find("\r\n"); at + 2 < head.size(); at = head.find("\r\n", at + 2)) {
    constexpr std::string_view name = "content-length:";
    const auto line = head.substr(at + 2, head.find("\r\n", at + 2) - at - 2);
    const auto same = [](char a, char b) { return a == (b >= 'A' && b <= 'Z' ? b + 32 : b); };
    if (line.size() <= name.size() || !std::equal(name.begin(), name.end(), line.begin(), same))
      continue;
    auto value = line.substr(name.size());
    value.remove_prefix(std::min(value.find_first_not_of(' '), value.size()));
    body = number<std::size_t>(value);
  }
  const std::size_t whole = head_end + 4 + body;
  if (data.size() >= whole) found.length = whole;
  return found;
}

struct connection {
  int fd = -1;
  bool busy = false;
  steady::time_point due;
  std::string out;
  std::string in;
};

class load {
public:
  explicit load(const options& chosen) : chosen_(chosen), requests_(chosen) {
    epoll_ = epoll_create1(EPOLL_CLOEXEC);
    if (epoll_ < 0) die("epoll_create1");
    latencies_us_.reserve(chosen.count);
    links_.resize(chosen.connections);
    for (std::size_t i = 0; i < links_.size(); ++i) {
      dial(i);
      idle_.push_back(i);
    }
  }

  void run() {
    started_ = steady::now();
    std::size_t next = 0;
    std::size_t finished_last = 0;
    auto progress_at = started_;
    while (finished_ < chosen_.count) {
      const auto now = steady::now();
      if (finished_ != finished_last) {
        finished_last = finished_;
        progress_at = now;
      } else if (now - progress_at > chosen_.give_up) {
        break;
      }
      for (; next < chosen_.count && !idle_.empty() && due(next) <= now; ++next) send(next, now);
      // no idle connection: an answer will wake us; all sent: likewise
      auto wait = std::chrono::nanoseconds{std::chrono::milliseconds{100}};
      if (next < chosen_.count && !idle_.empty())
        wait = std::clamp<std::chrono::nanoseconds>(due(next) - steady::now(), {}, wait);
      const timespec timeout{.tv_sec = 0, .tv_nsec = wait.count()};
      epoll_event events[128];
      const int count = epoll_pwait2(epoll_, events, std::size(events), &timeout, nullptr);
      if (count < 0 && errno != EINTR) die("epoll_pwait2");
      for (int i = 0; i < count; ++i) receive(events[i].data.u64);
    }
    ended_ = steady::now();
  }

  void report() {
    std::sort(latencies_us_.begin(), latencies_us_.end());
    const double seconds = std::chrono::duration<double>(ended_ - started_).count();
    std::printf("{\"sent\": %zu, \"answered\": %zu, \"failed\": %zu, \"seconds\": %.3f, "
                "\"rate\": %.1f, \"status\": {",
                sent_, latencies_us_.size(), sent_ - latencies_us_.size(), seconds,
                static_cast<double>(latencies_us_.size()) / seconds);
    const char* comma = "";
    for (const auto& [status, count] : statuses_) {
      std::printf("%s\"%d\": %zu", comma, status, count);
      comma = ", ";
    }
    std::printf("}, \"p50\": %.3f, \"p90\": %.3f, \"p99\": %.3f, \"p999\": %.3f, \"max\": %.3f}\n",
                percentile(0.50), percentile(0.90), percentile(0.99), percentile(0.999),
                percentile(1.0));
  }

private:
  steady::time_point due(std::size_t n) const {
    if (chosen_.rate <= 0) return started_;
    return started_ + std::chrono::duration_cast<steady::duration>(
                        std::chrono::duration<double>(static_cast<double>(n) / chosen_.rate));
  }

  double percentile(double part) const {
    if (latencies_us_.empty()) return 0;
    const auto rank = static_cast<std::size_t>(
      std::ceil(part * static_cast<double>(latencies_us_.size())));
    return latencies_us_[std::max<std::size_t>(rank, 1) - 1] / 1000.0;
  }

  void dial(std::size_t i) {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(chosen_.port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
      die(std::string{"cannot connect: "} + std::strerror(errno));
    const int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    epoll_event event{.events = EPOLLIN, .data = {.u64 = i}};
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) die("epoll_ctl");
    links_[i] = {.fd = fd, .busy = false, .due = {}, .out = {}, .in = {}};
  }

  void send(std::size_t n, steady::time_point now) {
    auto& link = links_[idle_.front()];
    const auto index = idle_.front();
    idle_.pop_front();
    link.busy = true;
    link.due = chosen_.rate > 0 ? due(n) : now;
    link.out.clear();
    requests_.append(chosen_.from + n, link.out);
    ++sent_;
    // far smaller than any socket buffer: a blocking send that does not block
    if (::send(link.fd, link.out.data(), link.out.size(), MSG_NOSIGNAL) !=
        static_cast<ssize_t>(link.out.size()))
      fail(index);
  }

  void receive(std::size_t i) {
    auto& link = links_[i];
    char buffer[16 * 1024];
    const auto size = recv(link.fd, buffer, sizeof buffer, MSG_DONTWAIT);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (size <= 0) {
      fail(i);
      return;
    }
    link.in.append(buffer, static_cast<std::size_t>(size));
    const auto got = parse_answer(link.in);
    if (got.length == 0) return;
    if (!link.busy) die("an answer without a request");
    link.in.erase(0, got.length);
    ++statuses_[got.status];
    const auto took = std::chrono::duration_cast<std::chrono::microseconds>(steady::now() -
                                                                            link.due);
    latencies_us_.push_back(static_cast<std::uint32_t>(std::max<std::int64_t>(took.count(), 0)));
    ++finished_;
    link.busy = false;
    idle_.push_back(i);
  }

  /// The server closed the connection: a request under way on it has no answer.
  void fail(std::size_t i) {
    const bool was_busy = links_[i].busy;
    close(links_[i].fd);
    dial(i);
    if (!was_busy) return; // still in the list of idle ones
    ++finished_;
    idle_.push_back(i);
  }

  options chosen_;
  requests requests_;
  int epoll_ = -1;
  std::vector<connection> links_;
  std::deque<std::size_t> idle_;
  std::size_t sent_ = 0;
  std::size_t finished_ = 0; ///< answered or failed
  std::vector<std::uint32_t> latencies_us_;
  std::map<int, std::size_t> statuses_;
  steady::time_point started_;
  steady::time_point ended_;
};

} // namespace

int main(int argc, char** argv) {
  load run{parse(argc, argv)};
  run.run();
  run.report();
  return 0;
}
