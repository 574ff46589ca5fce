#include "app/drill/process_memory.hpp"

#include <fstream>
#include <limits>
#include <string>

namespace troupe::drill {

std::uint64_t resident_kib(int pid) {
  std::ifstream status{"/proc/" + std::to_string(pid) + "/status"};
  std::string key;
  while (status >> key) {
    std::uint64_t value = 0;
    if (key == "VmRSS:" && status >> value) return value;
    status.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
  }
  return 0;
}

} // namespace troupe::drill
