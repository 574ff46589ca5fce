#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "actors/cluster/link/credentials.hpp"

namespace troupe::links {

/// Reads a node's certificate again when its files have changed, every few seconds at most. Blocks; used
/// by one thread.
class certificate_watch {
public:
  explicit certificate_watch(std::shared_ptr<credentials> own);

  /// The fingerprints the others should accept, when they have changed: the new certificate's, and the one
  /// before, which links that are up still show.
  std::optional<std::vector<std::string>> look();

private:
  std::shared_ptr<credentials> own_;
  std::string stamps_; ///< of the files as they were read last
  fingerprint shown_;
  std::chrono::steady_clock::time_point next_{};
};

} // namespace troupe::links
