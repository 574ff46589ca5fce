#pragma once

#include "actors/message_types.hpp"

namespace troupe::test {

/// Tells CAF of the message types, once per process. Call before an actor system is made.
inline void register_types() {
  [[maybe_unused]] static const bool done = (register_message_types(), true);
}

} // namespace troupe::test
