#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "base/uuid.hpp"

namespace troupe::links {

/// How a node speaks with the others. Times in milliseconds, sizes in bytes.
struct link_settings {
  uuid cluster;     ///< the same for all nodes
  uuid incarnation; ///< this process
  /// Without TLS, and then between loopback addresses only.
  bool plain = false;

  std::chrono::milliseconds dial_timeout{3'000};      ///< from name resolution to the peer's hello
  std::chrono::milliseconds handshake_timeout{3'000}; ///< of an accepted connection, hello included
  std::chrono::milliseconds ping_interval{1'000};
  std::chrono::milliseconds ping_timeout{3'000};  ///< without a byte the link is dead
  std::chrono::milliseconds close_timeout{1'000}; ///< for the last frames of a clean close

  /// Accepted connections that are not links yet. While there are so many the next ones wait in the
  /// system's queue.
  std::uint32_t max_handshakes = 64;
  std::uint32_t max_frame = 16 * 1024 * 1024; ///< largest payload, both ways
  std::size_t max_queue = 64 * 1024 * 1024;   ///< frames of one link not yet given to the system
};

} // namespace troupe::links
