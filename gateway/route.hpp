#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "gateway/auth/principal.hpp"
#include "gateway/http/message.hpp"
#include "gateway/task.hpp"

namespace troupe {
struct json_shape;
}

namespace troupe::gateway {

class context;

/// Roles as a bit set; none means that no token is needed.
using role_set = std::uint8_t;

constexpr role_set only(role r) noexcept {
  return static_cast<role_set>(1u << static_cast<unsigned>(r));
}
inline constexpr role_set nobody_in_particular = 0;
inline constexpr role_set any_role = only(role::player) | only(role::studio) |
                                     only(role::publisher) | only(role::operator_);

constexpr bool allows(role_set roles, role r) noexcept { return (roles & only(r)) != 0; }

/// One of the answers a route gives when all is well.
struct documented_answer {
  std::uint16_t status = 200;
  std::string_view description;
  const json_shape* body = nullptr; ///< null: none
  bool location = false;            ///< has a Location field
};

/// What the body of a request is.
enum class request_body : std::uint8_t { none, described, form };

/// One operation of the API: everything that the router, authorisation and the API's document know
/// about it.
struct route {
  http::method verb = http::method::get;
  std::string_view path; ///< `/v1/players/{player_id}`
  std::string_view id;   ///< the document's operationId and the metrics' label
  std::string_view tag;
  std::string_view summary;
  std::string_view description;
  role_set roles = nobody_in_particular;
  request_body takes = request_body::none;
  const json_shape* body = nullptr;  ///< of the request
  const json_shape* query = nullptr; ///< null: no parameters
  std::vector<documented_answer> answers;
  std::vector<errc> problems; ///< its own; those that any route of its kind may give are added
  bool paged = false;         ///< cursor, Link
  bool versioned = false;     ///< ETag, If-None-Match on GET, If-Match on changes
  /// What is wrong with its parameters is answered in a form of its own, which is among `answers`.
  bool own_errors = false;
  bool secret = false; ///< its answers hold secrets: never kept or cached
  /// Not empty: its answers are bytes of this type, whatever Accept says.
  std::string_view media = {};
  task<result<void>> (*handle)(context&) = nullptr;

  bool changes() const noexcept { return verb != http::method::get && verb != http::method::head; }
};

inline constexpr std::size_t max_path_parameters = 4;
using path_parameters = std::array<std::string_view, max_path_parameters>;

/// Finds routes by path and method. Immutable after `add`; any thread may ask it.
class route_map {
public:
  struct match {
    bool path_exists = false;
    const route* found = nullptr; ///< null: wrong path, or wrong method for it
    path_parameters parameters{}; ///< views into the path, in the order of the pattern
    std::uint32_t methods = 0;    ///< bit set of the methods the path knows
  };

  /// `added` must stay where it is.
  void add(const route& added);

  match find(http::method verb, std::string_view path) const noexcept;

private:
  static constexpr std::uint32_t none = UINT32_MAX;
  struct node {
    std::vector<std::pair<std::string_view, std::uint32_t>> children;
    std::uint32_t any = none; ///< child for a parameter
    std::array<const route*, 8> routes{};
  };

  std::vector<node> nodes_{1};
};

/// `GET, HEAD, PUT`: the value of Allow.
std::string allow_field(std::uint32_t methods);

/// Every route of the public API, in the order of its document. Static storage.
std::span<const route> all_routes();

// One table per area.
std::vector<route> auth_routes();
std::vector<route> player_routes();
std::vector<route> library_routes();
std::vector<route> catalog_routes();
std::vector<route> studio_routes();
std::vector<route> publisher_routes();
std::vector<route> provider_routes();
std::vector<route> event_routes();

} // namespace troupe::gateway
