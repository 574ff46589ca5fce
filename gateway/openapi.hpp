#pragma once

#include <span>
#include <string>

#include "gateway/route.hpp"

namespace troupe::gateway {

/// The API's document, OpenAPI 3.1 as JSON, made from the routes, the described types and the
/// problem table.
std::string openapi_document(std::span<const route> routes);

/// The document of this program's routes, indented, as docs/api/openapi.json holds it.
std::string openapi_text();

} // namespace troupe::gateway
