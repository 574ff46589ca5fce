#pragma once

#include <doctest/doctest.h>

#include <chrono>
#include <string>

#include "actors/cluster/link/certificate_files.hpp"
#include "actors/cluster/link/credentials.hpp"
#include "tests/unit/actors/cluster/link/temporary_folder.hpp"

namespace troupe::links {

/// An authority of its own and a folder with what it certified.
class certified {
public:
  certified() {
    auto made = make_authority("test CA", valid_for(std::chrono::days{30}));
    REQUIRE(made);
    authority_ = *made;
    REQUIRE(write_files(paths_in(folder_.path, "ca"), authority_, true));
  }

  /// Makes a certificate and its files, over older ones of that name; valid between these times from now.
  credential_files files(const std::string& name,
                         std::chrono::seconds from = -std::chrono::hours{1},
                         std::chrono::seconds until = std::chrono::hours{24}) {
    auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
    auto made = make_node_certificate(authority_, name, {}, {now + from, now + until});
    REQUIRE(made);
    auto paths = paths_in(folder_.path, name);
    REQUIRE(write_files(paths, *made, true));
    return {paths.certificate, paths.key, folder_.path / "ca.crt"};
  }

  std::shared_ptr<credentials> load(const std::string& name) {
    auto loaded = credentials::load(files(name));
    REQUIRE(loaded);
    return *loaded;
  }

private:
  temporary_folder folder_;
  certified_key authority_;
};

} // namespace troupe::links
