// JSON and msgpack bodies: reading never crashes, and what was read is written so that it reads the
// same.
#include <cstdint>
#include <string_view>

#include "base/json.hpp"
#include "gateway/encoding.hpp"
#include "gateway/problem.hpp"
#include "gateway/routes/views.hpp"

using namespace troupe;
using namespace troupe::gateway;

namespace {

template <class T>
void round_trip(std::string_view text) {
  auto read = from_json<T>(text);
  if (!read) {
    std::string out;
    write_problem(out, read.error(), "id");
    if (json_to_msgpack(out)) return;
    __builtin_trap(); // a problem that is no JSON
  }
  auto written = to_json(*read);
  auto again = from_json<T>(written);
  if (!again || to_json(*again) != written) __builtin_trap();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text{reinterpret_cast<const char*>(data), size};
  round_trip<views::sign_up>(text);
  round_trip<views::player_change>(text);
  round_trip<views::new_studio>(text);
  if (auto json = msgpack_to_json(text)) {
    if (json_detail::check_text(*json)) __builtin_trap();
    round_trip<views::sign_up>(*json);
  }
  return 0;
}
