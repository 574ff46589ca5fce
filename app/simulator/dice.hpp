#pragma once

#include <array>
#include <concepts>
#include <cstdint>
#include <string_view>

#include "base/stable_hash.hpp"

namespace troupe::simulator {

/// A number that looks random and is always the same for the same numbers.
template <std::convertible_to<std::uint64_t>... Numbers>
std::uint64_t dice(Numbers... numbers) noexcept {
  const std::array all{static_cast<std::uint64_t>(numbers)...};
  return stable_hash(std::string_view{reinterpret_cast<const char*>(all.data()), sizeof all});
}

} // namespace troupe::simulator
