#include "actors/api/errors.hpp"

#include <caf/exit_reason.hpp>
#include <caf/sec.hpp>
#include <cstdint>
#include <string>

namespace troupe {

namespace {

failure from_our_error(const caf::error& error) {
  failure why;
  why.code = static_cast<errc>(error.code());
  const auto& context = error.context();
  if (context.match_elements<std::string, std::uint32_t>()) {
    why.detail = context.get_as<std::string>(0);
    if (auto seconds = context.get_as<std::uint32_t>(1); seconds > 0) why.retry_after_s = seconds;
  }
  return why;
}

failure from_system_error(caf::sec code) {
  switch (code) {
    case caf::sec::request_timeout: return {errc::timed_out, {}, {}, {}};
    case caf::sec::request_receiver_down:
    case caf::sec::broken_promise: return {errc::shard_unavailable, {}, {}, {}};
    default: return {errc::internal, {}, {}, {}};
  }
}

} // namespace

failure from_caf_error(const caf::error& error) {
  if (error.category() == caf::type_id_v<errc>) return from_our_error(error);
  if (error.category() == caf::type_id_v<caf::sec>)
    return from_system_error(static_cast<caf::sec>(error.code()));
  if (error.category() == caf::type_id_v<caf::exit_reason>) // its actor ended
    return {errc::shard_unavailable, {}, {}, {}};
  return {errc::internal, {}, {}, {}};
}

} // namespace troupe
