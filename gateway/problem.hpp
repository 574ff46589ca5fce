#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace troupe::gateway {

/// How one `errc` looks to a client: the only place where our errors meet HTTP.
struct problem {
  errc code;
  std::uint16_t status;
  std::string_view slug;        ///< of its type: `/problems/<slug>`
  std::string_view title;       ///< never changes for a type
  std::string_view description; ///< for its page and the API's document
};

/// Every problem, in the order of `errc`.
std::span<const problem> all_problems() noexcept;

const problem& problem_of(errc code) noexcept;

/// Null for an unknown slug.
const problem* find_problem(std::string_view slug) noexcept;

/// Writes `application/problem+json` (RFC 9457). `instance` is the request's id.
void write_problem(std::string& out, const failure& why, std::string_view instance);

/// The short page behind a problem's type, as HTML.
std::string problem_page(const problem& p);

} // namespace troupe::gateway
