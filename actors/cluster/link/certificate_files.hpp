#pragma once

#include <filesystem>
#include <string>

#include "actors/cluster/link/make_certificate.hpp"

namespace troupe::links {

/// Where a certificate and its key lie.
struct certificate_paths {
  std::filesystem::path certificate;
  std::filesystem::path key;
};

/// `STEM.crt` and `STEM.key` in `folder`.
certificate_paths paths_in(const std::filesystem::path& folder, const std::string& stem);

/// Writes both: the key for its owner alone (0600), the certificate for everybody (0644). The folder is
/// made if need be. Each file appears whole or not at all. Without `overwrite` nothing is written when
/// one of the two exists: `precondition_failed`. Other errors: `internal` with the path and the reason.
result<void> write_files(const certificate_paths& to, const certified_key& what, bool overwrite);

/// A file's text, at most 1 MiB of it. Error: `not_found` with the path and the reason.
result<std::string> read_pem(const std::filesystem::path& file);

} // namespace troupe::links
