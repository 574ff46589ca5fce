#include "tests/persistence/postgres/fault_proxy.hpp"

#include <arpa/inet.h>
#include <chrono>
#include <cstring>
#include <netinet/in.h>
#include <stdexcept>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

namespace troupe::test {

namespace {

using namespace std::chrono_literals;

int connect_to(std::uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    ::close(fd);
    return -1;
  }
  return fd;
}

bool send_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

std::uint32_t length_at(const std::string& bytes, std::size_t at) {
  std::uint32_t raw = 0;
  std::memcpy(&raw, bytes.data() + at, 4);
  return ntohl(raw);
}

/// Whether a Bind message names the prepared statement.
bool binds(std::string_view message, std::string_view name) {
  if (message.size() < 7 || message.front() != 'B') return false;
  const auto portal_end = message.find('\0', 5);
  return portal_end != message.npos &&
         message.substr(portal_end + 1).starts_with(std::string{name} + '\0');
}

} // namespace

struct fault_proxy::link {
  int client = -1;
  int server = -1;
  std::atomic<bool> frozen{false};
  std::atomic<bool> swallow{false}; ///< the server's answers are not passed on
  std::int64_t asked = 0;           ///< statements that were passed on; of the client's thread
  std::int64_t done = 0; ///< statements the server has done; guarded by the proxy's mutex
  bool ended = false;    ///< the server's side is; guarded by the proxy's mutex
  std::thread from_client;
  std::thread from_server;

  void cut_client() const { ::shutdown(client, SHUT_RDWR); }
  void cut_server() const { ::shutdown(server, SHUT_RDWR); }
};

fault_proxy::fault_proxy(std::uint16_t server_port) : server_port_(server_port) {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(listener_, 16) != 0 ||
      ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0)
    throw std::runtime_error{"the proxy cannot listen"};
  port_ = ntohs(address.sin_port);
  accepter_ = std::thread{[this] { accept_loop(); }};
}

fault_proxy::~fault_proxy() {
  {
    std::lock_guard lock{mutex_};
    stopping_ = true;
    for (auto& l : links_) {
      l.cut_client();
      l.cut_server();
    }
  }
  changed_.notify_all();
  ::shutdown(listener_, SHUT_RDWR);
  accepter_.join();
  for (auto& l : links_) {
    l.from_client.join();
    l.from_server.join();
    ::close(l.client);
    ::close(l.server);
  }
  ::close(listener_);
}

void fault_proxy::next_commit(at_commit what) {
  std::lock_guard lock{mutex_};
  next_ = what;
  arrived_ = false;
  resumed_ = false;
}

bool fault_proxy::wait_for_commit() {
  std::unique_lock lock{mutex_};
  return changed_.wait_for(lock, 10s, [this] { return arrived_; });
}

void fault_proxy::resume() {
  {
    std::lock_guard lock{mutex_};
    resumed_ = true;
  }
  changed_.notify_all();
}

void fault_proxy::set_down(bool down) {
  std::lock_guard lock{mutex_};
  down_ = down;
  if (!down) return;
  for (auto& l : links_) {
    l.cut_client();
    l.cut_server();
  }
}

void fault_proxy::accept_loop() {
  for (;;) {
    const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) return;
    std::lock_guard lock{mutex_};
    const int server = stopping_ || down_ ? -1 : connect_to(server_port_);
    if (server < 0) {
      ::close(client);
      continue;
    }
    auto& l = links_.emplace_back();
    l.client = client;
    l.server = server;
    l.from_client = std::thread{[this, &l] { client_loop(l); }};
    l.from_server = std::thread{[this, &l] { server_loop(l); }};
  }
}

void fault_proxy::server_loop(link& l) {
  char buffer[65536];
  std::string stream;
  for (;;) {
    const auto got = ::recv(l.server, buffer, sizeof buffer, 0);
    if (got <= 0) break;
    stream.append(buffer, static_cast<std::size_t>(got));
    std::int64_t done = 0;
    while (stream.size() >= 5 && stream.size() >= 1 + length_at(stream, 1)) {
      if (stream.front() == 'C') ++done; // a statement is complete
      stream.erase(0, 1 + length_at(stream, 1));
    }
    if (done > 0) {
      {
        std::lock_guard lock{mutex_};
        l.done += done;
      }
      changed_.notify_all();
    }
    if (l.frozen || l.swallow) continue;
    if (!send_all(l.client, {buffer, static_cast<std::size_t>(got)})) break;
  }
  {
    std::lock_guard lock{mutex_};
    l.ended = true;
  }
  changed_.notify_all();
  if (!l.frozen) l.cut_client();
}

void fault_proxy::client_loop(link& l) {
  std::string stream; // what has come and was not looked at
  std::string before; // whole messages since the last Sync, up to a commit
  std::string commit; // from the commit on
  bool started = false;
  bool counts = true; // the commit is one of rows: not of an acquisition, nor of a bump
  char buffer[65536];
  for (;;) {
    const auto got = ::recv(l.client, buffer, sizeof buffer, 0);
    if (got <= 0) break;
    if (l.frozen) continue;
    stream.append(buffer, static_cast<std::size_t>(got));
    if (!started) { // the start-up message has no type
      if (stream.size() < 4 || stream.size() < length_at(stream, 0)) continue;
      const auto size = length_at(stream, 0);
      if (!send_all(l.server, std::string_view{stream}.substr(0, size))) break;
      stream.erase(0, size);
      started = true;
    }
    bool going_on = true;
    while (going_on && stream.size() >= 5 && stream.size() >= 1 + length_at(stream, 1)) {
      const auto size = 1 + length_at(stream, 1);
      const auto message = stream.substr(0, size);
      stream.erase(0, size);
      if (message[0] == 'E') ++l.asked;
      if (binds(message, "limit_wait")) counts = false;
      if (!commit.empty() || (binds(message, "commit") && counts))
        commit += message;
      else
        before += message;
      // Outside of a message group (authentication, simple queries) each message goes its way.
      const bool grouped = message[0] == 'P' || message[0] == 'B' || message[0] == 'D' ||
                           message[0] == 'E' || message[0] == 'C' || message[0] == 'H';
      if (grouped) continue;
      going_on = commit.empty() ? send_all(l.server, before) : pass_on(l, before, commit);
      before.clear();
      commit.clear();
      counts = true;
    }
    if (!going_on) break;
  }
  if (!l.frozen && !l.swallow) l.cut_server();
}

bool fault_proxy::wait_until_done(link& l) {
  std::unique_lock lock{mutex_};
  changed_.wait(lock, [&] { return l.done >= l.asked || l.ended || stopping_; });
  return l.done >= l.asked;
}

bool fault_proxy::pass_on(link& l, const std::string& before, const std::string& commit) {
  using namespace std::string_view_literals;
  at_commit what{};
  {
    std::lock_guard lock{mutex_};
    what = std::exchange(next_, at_commit::forward);
  }
  if (what == at_commit::forward) return send_all(l.server, before) && send_all(l.server, commit);

  // Everything but the commit, and the server is asked to tell when it is done.
  --l.asked;
  send_all(l.server, before);
  send_all(l.server, "H\0\0\0\4"sv);
  wait_until_done(l);
  {
    std::lock_guard lock{mutex_};
    arrived_ = true;
  }
  changed_.notify_all();
  auto wait_for_resume = [this] {
    std::unique_lock lock{mutex_};
    changed_.wait(lock, [this] { return resumed_ || stopping_; });
  };
  switch (what) {
    case at_commit::forward: break;
    case at_commit::cut:
      l.cut_server();
      l.cut_client();
      return false;
    case at_commit::commit_then_cut:
      l.swallow = true;
      ++l.asked;
      send_all(l.server, commit);
      wait_until_done(l);
      l.cut_client();
      l.cut_server();
      return false;
    case at_commit::hold:
      wait_for_resume();
      ++l.asked;
      return send_all(l.server, commit);
    case at_commit::abandon:
      l.swallow = true;
      l.cut_client();
      return false;
    case at_commit::abandon_then_commit:
      l.swallow = true;
      l.cut_client();
      wait_for_resume();
      send_all(l.server, commit);
      return false;
    case at_commit::freeze: l.frozen = true; return true;
  }
  return false;
}

} // namespace troupe::test
