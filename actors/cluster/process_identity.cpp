#include "actors/cluster/process_identity.hpp"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <fstream>
#include <optional>
#include <sstream>
#include <vector>

namespace troupe {

namespace {

/// The boot and the name space of process ids; empty when the system does not tell.
std::string world() {
  std::ifstream boot_file{"/proc/sys/kernel/random/boot_id"};
  std::string boot;
  std::array<char, 64> space{};
  if (!(boot_file >> boot) || readlink("/proc/self/ns/pid", space.data(), space.size() - 1) <= 0)
    return {};
  return boot + ' ' + space.data();
}

struct process_state {
  char state = '?';    ///< as in /proc/PID/stat; Z and X are ends
  std::string started; ///< clock ticks after the boot
};

/// Nothing when the system does not show the process, which it may hide.
std::optional<process_state> look_at(const std::string& pid) {
  std::ifstream file{"/proc/" + pid + "/stat"};
  std::string line;
  if (!std::getline(file, line)) return std::nullopt;
  // The second field is a name in parentheses, which may hold anything.
  const auto end = line.rfind(')');
  if (end == std::string::npos) return std::nullopt;
  std::istringstream fields{line.substr(end + 1)};
  std::vector<std::string> values;
  for (std::string value; fields >> value;) values.push_back(value);
  constexpr std::size_t started_at = 19; // field 22, counted from the third
  if (values.size() <= started_at) return std::nullopt;
  return process_state{values[0].front(), values[started_at]};
}

} // namespace

std::string own_process() {
  auto where = world();
  if (where.empty()) return {};
  const auto pid = std::to_string(getpid());
  const auto self = look_at(pid);
  return self ? where + ' ' + pid + ' ' + self->started : std::string{};
}

bool process_has_ended(std::string_view process) {
  std::istringstream in{std::string{process}};
  std::string boot;
  std::string space;
  pid_t pid = 0;
  std::string started;
  if (!(in >> boot >> space >> pid >> started)) return false;
  if (pid <= 0) return false;
  const auto here = world();
  if (here.empty() || boot + ' ' + space != here) return false;
  if (kill(pid, 0) != 0 && errno == ESRCH) return true;
  const auto now = look_at(std::to_string(pid));
  return now && (now->state == 'X' || now->state == 'Z' || now->started != started);
}

} // namespace troupe
