// Cursors from outside: none that we did not make opens, and msgpack positions never crash.
#include <cstdint>
#include <string_view>

#include "gateway/cursor.hpp"
#include "gateway/routes/library.hpp"

using namespace troupe;
using namespace troupe::gateway;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const gateway_keys keys{"a signing key for the fuzzer, 32 bytes"};
  std::string_view text{reinterpret_cast<const char*>(data), size};
  if (read_cursor<registration_position>(keys, "list", text)) __builtin_trap();
  static_cast<void>(from_msgpack<registration_position>(text, {.bytes = 1024, .depth = 4}));
  auto sealed = seal_cursor(keys, "list", text.substr(0, 256));
  auto opened = open_cursor(keys, "list", sealed);
  if (!opened || *opened != text.substr(0, 256)) __builtin_trap();
  return 0;
}
