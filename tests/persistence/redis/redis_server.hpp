#pragma once

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <poll.h>
#include <stdexcept>
#include <string>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace troupe::test {

/// A Redis of this test's own, on a unix socket in a folder of its own; it dies with the test.
class redis_server {
public:
  explicit redis_server(std::vector<std::string> more_arguments = {})
    : more_(std::move(more_arguments)) {
    auto name = (std::filesystem::temp_directory_path() / "troupe-redis-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("no folder for Redis");
    folder_ = name;
    start();
  }
  redis_server(const redis_server&) = delete;
  redis_server& operator=(const redis_server&) = delete;
  ~redis_server() {
    stop();
    std::filesystem::remove_all(folder_);
  }

  std::string socket_path() const { return folder_ / "redis.sock"; }
  const std::filesystem::path& folder() const { return folder_; }

  void start() {
    std::vector<std::string> words{
      "redis-server", "--port",         "0",          "--unixsocket", socket_path(), "--save",   "",
      "--dir",        folder_.string(), "--loglevel", "warning",      "--logfile",   "redis.log"};
    words.insert(words.end(), more_.begin(), more_.end());
    std::vector<char*> arguments;
    for (auto& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    std::filesystem::remove(socket_path());
    process_ = fork();
    if (process_ < 0) throw std::runtime_error("fork failed");
    if (process_ == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      execvp(arguments[0], arguments.data());
      _exit(127);
    }
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{10};
    while (!accepts()) {
      if (waitpid(process_, nullptr, WNOHANG) == process_ ||
          std::chrono::steady_clock::now() > deadline) {
        process_ = -1;
        throw std::runtime_error("redis-server does not start");
      }
      poll(nullptr, 0, 5);
    }
  }

  void stop() {
    if (process_ <= 0) return;
    kill(process_, SIGKILL);
    waitpid(process_, nullptr, 0);
    process_ = -1;
  }

  void freeze() { kill(process_, SIGSTOP); }
  void thaw() { kill(process_, SIGCONT); }

private:
  bool accepts() const {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    socket_path().copy(address.sun_path, sizeof address.sun_path - 1);
    const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    const bool connected = connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
    close(fd);
    return connected;
  }

  std::vector<std::string> more_;
  std::filesystem::path folder_;
  pid_t process_ = -1;
};

} // namespace troupe::test
