// Whatever the bytes: no crash, an error that says something, or a value that survives a round
// trip.

#include <cstdlib>
#include <string_view>

#include "tests/fuzz/described.hpp"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using troupe::fuzz::described;
  std::string_view text{reinterpret_cast<const char*>(data), size};
  auto value = troupe::from_json<described>(text);
  if (!value) {
    if (!troupe::is_utf8(troupe::to_json(value.error().detail))) std::abort();
    return 0;
  }
  auto again = troupe::from_json<described>(troupe::to_json(*value));
  if (!again || !(*again == *value)) std::abort();
  return 0;
}
