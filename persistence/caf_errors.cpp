#include "persistence/caf_errors.hpp"

namespace troupe {

bool from_integer(std::uint8_t number, errc& code) {
  auto candidate = static_cast<errc>(number);
  if (to_string(candidate) == "unknown") return false;
  code = candidate;
  return true;
}

caf::error to_caf_error(const failure& why) {
  return caf::make_error(why.code, why.detail, why.retry_after_s.value_or(0));
}

} // namespace troupe
