#include <doctest/doctest.h>

#include <fstream>
#include <iterator>

#include "gateway/gateway.hpp"
#include "gateway/openapi.hpp"

using namespace troupe::gateway;

// Tests run from the top of the tree.
TEST_CASE("docs/api/openapi.json is what the routes say; `troupe openapi` writes it anew") {
  std::ifstream file{"docs/api/openapi.json", std::ios::binary};
  REQUIRE(file);
  std::string golden{std::istreambuf_iterator<char>{file}, {}};
  CHECK((openapi_text() == golden));
}

TEST_CASE("every route stands in the document") {
  auto text = openapi_document(all_routes());
  for (const auto& each : all_routes()) {
    CHECK(text.contains('"' + std::string{each.path} + '"'));
    CHECK(text.contains("\"operationId\":\"" + std::string{each.id} + '"'));
  }
}
