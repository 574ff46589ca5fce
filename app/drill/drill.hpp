#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "app/drill/cluster_file.hpp"
#include "app/drill/load.hpp"

namespace troupe::drill {

/// Something that must hold, and whether it did.
struct invariant {
  std::string name;
  bool holds = false;
  std::string detail; ///< what was found, for people
};

struct report {
  std::vector<invariant> invariants;
  std::vector<std::pair<std::string, std::string>> measured; ///< name, value with its unit

  bool passed() const;
};

struct drill_settings {
  load_settings load;
  std::chrono::seconds quiet{3};             ///< of load before the fault and after it
  std::chrono::seconds sleep{10};            ///< how long `pause` lets a node sleep
  std::function<void(std::string_view)> say; ///< progress
};

struct fault {
  std::string_view name;
  std::string_view what; ///< one line for --list
};

/// The faults there are.
std::span<const fault> all_faults() noexcept;

/// Runs load against the cluster, injects the fault, mends what it broke, ends the load and checks. Blocks
/// for a minute or so. Errors: the cluster cannot be used, or not mended.
result<report> run_drill(std::string_view fault_name, const cluster_file& cluster,
                         const drill_settings& settings);

} // namespace troupe::drill
