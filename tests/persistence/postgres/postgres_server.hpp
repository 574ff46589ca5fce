#pragma once

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <grp.h>
#include <libpq-fe.h>
#include <poll.h>
#include <pwd.h>
#include <stdexcept>
#include <string>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace troupe::test {

/// A PostgreSQL server of this test's own, on a unix socket in a folder of its own, which the test may
/// restart and crash. It dies with the test. Its superuser and its database are called postgres.
class postgres_server {
public:
  postgres_server() {
    auto name = (std::filesystem::temp_directory_path() / "troupe-pg-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("no folder for PostgreSQL");
    folder_ = name;
    if (geteuid() == 0) { // it refuses to run as root
      const auto* user = getpwnam("postgres");
      if (user == nullptr || chown(name.c_str(), user->pw_uid, user->pw_gid) != 0)
        throw std::runtime_error("there is no user postgres");
      uid_ = user->pw_uid;
      gid_ = user->pw_gid;
    }
    const auto made = spawn({"initdb", "-D", data(), "-U", "postgres", "-A", "trust", "-E", "UTF8",
                             "--locale=C.UTF-8", "--no-sync"});
    int status = 0;
    waitpid(made, &status, 0);
    if (status != 0) throw std::runtime_error("initdb failed");
    start();
  }
  postgres_server(const postgres_server&) = delete;
  postgres_server& operator=(const postgres_server&) = delete;
  ~postgres_server() {
    stop(SIGQUIT);
    std::filesystem::remove_all(folder_);
  }

  std::string dsn() const {
    return "host=" + folder_.string() + " user=postgres dbname=postgres connect_timeout=2";
  }

  void start() {
    process_ = spawn({"postgres", "-D", data(), "-k", folder_.string(), "-c",
                      "listen_addresses=", "-c", "log_min_messages=panic"});
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{60};
    while (PQping(dsn().c_str()) != PQPING_OK) {
      if (waitpid(process_, nullptr, WNOHANG) == process_ ||
          std::chrono::steady_clock::now() > deadline) {
        process_ = -1;
        throw std::runtime_error("PostgreSQL does not start");
      }
      poll(nullptr, 0, 10);
    }
  }

  /// SIGINT: open transactions are rolled back. SIGQUIT: as after a crash.
  void stop(int signal) {
    if (process_ <= 0) return;
    kill(process_, signal);
    waitpid(process_, nullptr, 0);
    process_ = -1;
  }

private:
  std::string data() const { return (folder_ / "data").string(); }

  pid_t spawn(std::vector<std::string> words) const {
    words.front() = "/usr/lib/postgresql/17/bin/" + words.front();
    std::vector<char*> arguments;
    for (auto& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    const auto process = fork();
    if (process < 0) throw std::runtime_error("fork failed");
    if (process > 0) return process;
    if (uid_ != 0 && (setgroups(0, nullptr) != 0 || setgid(gid_) != 0 || setuid(uid_) != 0))
      _exit(126);
    prctl(PR_SET_PDEATHSIG, SIGQUIT);
    if (chdir("/") != 0 || freopen("/dev/null", "w", stdout) == nullptr) _exit(126);
    execv(arguments[0], arguments.data());
    _exit(127);
  }

  std::filesystem::path folder_;
  uid_t uid_ = 0;
  gid_t gid_ = 0;
  pid_t process_ = -1;
};

} // namespace troupe::test
