// Whatever the bytes: no crash, no memory beyond the limits, or a value that survives a round trip.

#include <cstdlib>
#include <string_view>

#include "base/msgpack.hpp"
#include "tests/fuzz/described.hpp"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using troupe::fuzz::described;
  std::string_view bytes{reinterpret_cast<const char*>(data), size};
  auto value = troupe::from_msgpack<described>(bytes);
  if (!value) return 0;
  auto again = troupe::from_msgpack<described>(troupe::to_msgpack(*value));
  if (!again || !(*again == *value)) std::abort();
  return 0;
}
