#include "actors/cluster/link/credentials.hpp"

#include <doctest/doctest.h>

#include "tests/unit/actors/cluster/link/certified.hpp"

using namespace troupe;
using namespace troupe::links;
using namespace std::chrono_literals;

namespace {

errc code_of(const credential_files& files) {
  auto loaded = credentials::load(files);
  return loaded ? errc::none : loaded.error().code;
}

} // namespace

TEST_CASE("credentials are what the files hold") {
  certified there;
  auto files = there.files("a");
  auto loaded = credentials::load(files);
  REQUIRE(loaded);
  CHECK((*loaded)->own() == *fingerprint_of(*read_pem(files.certificate)));
}

TEST_CASE("credentials that would be refused by others are refused at once") {
  certified there;
  certified elsewhere;
  auto good = there.files("a");
  auto other = there.files("b");
  CHECK(code_of({good.certificate, other.key, good.authority}) == errc::precondition_failed);
  CHECK(code_of({good.certificate, good.key, elsewhere.files("c").authority}) ==
        errc::precondition_failed);
  CHECK(code_of(there.files("old", -48h, -24h)) == errc::precondition_failed);
  CHECK(code_of(there.files("early", 24h, 48h)) == errc::precondition_failed);
  CHECK(code_of({good.key, good.key, good.authority}) == errc::precondition_failed);
  CHECK(code_of({good.certificate, good.certificate, good.authority}) == errc::precondition_failed);
  CHECK(code_of({"/nothing/here", good.key, good.authority}) == errc::not_found);
}

TEST_CASE("a reload takes a new certificate, and keeps the old one when the new one is bad") {
  certified there;
  auto files = there.files("a");
  auto loaded = credentials::load(files);
  REQUIRE(loaded);
  auto& own = **loaded;
  auto first = own.own();
  auto first_context = own.context();

  there.files("a"); // made anew
  REQUIRE(own.reload());
  auto second = own.own();
  CHECK(second != first);
  CHECK(own.context() != first_context);

  auto kept = own.context();
  there.files("a", -48h, -24h);
  CHECK_FALSE(own.reload());
  REQUIRE(write_files({files.certificate, files.key}, {"garbage", "garbage"}, true));
  CHECK_FALSE(own.reload());
  std::filesystem::remove(files.key);
  CHECK_FALSE(own.reload());
  CHECK(own.own() == second);
  CHECK(own.context() == kept);
}
