#include "actors/cluster/link/certificate_files.hpp"

#include <doctest/doctest.h>

#include <fstream>

#include "tests/unit/actors/cluster/link/temporary_folder.hpp"

using namespace troupe;
using namespace troupe::links;
namespace fs = std::filesystem;

namespace {

std::ptrdiff_t files_in(const fs::path& folder) {
  return std::distance(fs::directory_iterator{folder}, fs::directory_iterator{});
}

} // namespace

TEST_CASE("a key is for its owner alone, a certificate for everybody") {
  temporary_folder folder;
  auto paths = paths_in(folder.path / "new" / "deep", "node");
  REQUIRE(write_files(paths, {"certificate", "key"}, false));
  using enum fs::perms;
  CHECK(fs::status(paths.key).permissions() == (owner_read | owner_write));
  CHECK(fs::status(paths.certificate).permissions() ==
        (owner_read | owner_write | group_read | others_read));
  CHECK(read_pem(paths.key) == "key");
  CHECK(read_pem(paths.certificate) == "certificate");
}

TEST_CASE("nothing is overwritten, and nothing written, when one of the two files exists") {
  temporary_folder folder;
  auto paths = paths_in(folder.path, "node");
  std::ofstream{paths.certificate} << "old";
  auto written = write_files(paths, {"certificate", "key"}, false);
  REQUIRE_FALSE(written);
  CHECK(written.error().code == errc::precondition_failed);
  CHECK(read_pem(paths.certificate) == "old");
  CHECK(files_in(folder.path) == 1);
}

TEST_CASE("overwriting gives a key its mode, whatever the old file's was") {
  temporary_folder folder;
  auto paths = paths_in(folder.path, "node");
  std::ofstream{paths.key} << "old";
  fs::permissions(paths.key, fs::perms::all);
  REQUIRE(write_files(paths, {"certificate", "key"}, true));
  CHECK(read_pem(paths.key) == "key");
  CHECK(fs::status(paths.key).permissions() == (fs::perms::owner_read | fs::perms::owner_write));
  CHECK(files_in(folder.path) == 2);
}

TEST_CASE("a folder that cannot be made and a file that is not there are errors with their path") {
  temporary_folder folder;
  std::ofstream{folder.path / "file"} << "text";
  auto written = write_files(paths_in(folder.path / "file" / "in", "node"), {"c", "k"}, false);
  REQUIRE_FALSE(written);
  CHECK(written.error().code == errc::internal);
  auto read = read_pem(folder.path / "nothing");
  REQUIRE_FALSE(read);
  CHECK(read.error().detail.contains("nothing"));
}
