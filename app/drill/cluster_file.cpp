#include "app/drill/cluster_file.hpp"

#include <spawn.h>
#include <sys/wait.h>

#include <cerrno>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <optional>

#include "base/json.hpp"

extern char** environ;

namespace troupe::drill {

struct process_file {
  std::int64_t pid = 0;
  std::int64_t started = 0;
};

namespace {

std::optional<std::string> content_of(const std::filesystem::path& path) {
  std::ifstream file{path, std::ios::binary};
  if (!file) return std::nullopt;
  return std::string{std::istreambuf_iterator<char>{file}, {}};
}

} // namespace

result<cluster_file> read_cluster_file(const std::filesystem::path& path) {
  auto text = content_of(path);
  if (!text)
    return fail(errc::not_found,
                "cannot read " + path.string() +
                  "; `./dev up --nodes 3 --detach` starts a cluster and writes it");
  auto read = from_json<cluster_file>(*text);
  if (!read) {
    auto why = std::move(read.error());
    why.detail = path.string() + " describes no cluster";
    for (const auto& wrong : why.fields) why.detail += "; " + wrong.pointer + " " + wrong.detail;
    return std::unexpected(std::move(why));
  }
  if (read->nodes.empty() || read->databases.empty())
    return fail(errc::invalid_field, path.string() + " names no node or no database");
  return read;
}

int pid_of(const cluster_node& node) {
  auto text = content_of(node.pid_file);
  if (!text) return 0;
  auto read = from_json<process_file>(*text);
  return read ? static_cast<int>(read->pid) : 0;
}

int run_command(std::vector<std::string> words) {
  if (words.empty()) return -1;
  std::vector<char*> arguments;
  for (auto& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  // What it says is progress, and standard output is for results.
  posix_spawn_file_actions_adddup2(&actions, 2, 1);
  pid_t child = 0;
  const int failed = posix_spawnp(&child, arguments[0], &actions, nullptr, arguments.data(),
                                  environ);
  posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) return -1;
  int status = 0;
  while (waitpid(child, &status, 0) < 0)
    if (errno != EINTR) return -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

} // namespace troupe::drill
