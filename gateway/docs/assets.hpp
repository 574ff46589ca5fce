// The files of the API's page (Swagger UI), embedded in the binary at build time, so that the page needs no outside address.
// cmake/swagger_ui.cmake makes the table; with TROUPE_DOCS=OFF it is empty. Immutable, any thread.
#pragma once

#include <span>
#include <string_view>

namespace troupe::gateway {

struct asset {
  std::string_view name; // file name, such as "swagger-ui.css"
  std::string_view mime; // Content-Type
  std::string_view body;
};

std::span<const asset> docs_assets() noexcept;

} // namespace troupe::gateway
