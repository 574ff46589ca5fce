#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/uuid.hpp"
#include "persistence/records.hpp"

namespace troupe::gateway {

/// What an account may do; each route names the roles it is for. The names stand in access tokens.
enum class role : std::uint8_t { player, studio, publisher, operator_ };

inline constexpr std::string_view role_names[] = {"player", "studio", "publisher", "operator"};

constexpr std::string_view to_string(role r) noexcept {
  return role_names[static_cast<std::size_t>(r)];
}

constexpr std::optional<role> parse_role(std::string_view name) noexcept {
  for (std::uint8_t i = 0; i < std::size(role_names); ++i)
    if (role_names[i] == name) return static_cast<role>(i);
  return std::nullopt;
}

constexpr role role_of(staff_role r) noexcept {
  switch (r) {
    case staff_role::publisher: return role::publisher;
    case staff_role::operator_: return role::operator_;
    case staff_role::studio: break;
  }
  return role::studio;
}

/// Who sent a request, as its access token says.
struct principal {
  uuid account_id;
  uuid session_id;
  role kind = role::player;
  std::optional<uuid> studio_id; ///< set for `role::studio`, and only there

  account_kind account() const noexcept {
    return kind == role::player ? account_kind::player : account_kind::staff;
  }
  bool operator==(const principal&) const = default;
};

} // namespace troupe::gateway
