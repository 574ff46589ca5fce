#pragma once

namespace troupe {

/// Tells CAF of every message type. Call once, before the first actor system of the process.
void register_message_types();

} // namespace troupe
