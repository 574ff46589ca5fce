#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "base/error.hpp"

namespace troupe::links {

// Certificates for development and tests: an authority of one's own and what it certifies. P-256 keys,
// SHA-256 signatures. Safe from any thread.

/// A certificate with its private key, both in PEM form; the key has no pass phrase.
struct certified_key {
  std::string certificate;
  std::string key;
};

/// From when until when a certificate is valid, both inclusive.
struct validity {
  std::chrono::sys_seconds from;
  std::chrono::sys_seconds until;
};

/// `days` from now; it starts an hour ago, so that a machine whose clock is late accepts it, too.
validity valid_for(std::chrono::days days);

/// Whom a node's certificate names besides its own name.
struct alternative_names {
  std::vector<std::string> dns;       ///< host names; `*.` may come first
  std::vector<std::string> addresses; ///< IPv4 or IPv6, without prefix length
};

/// Whether `name` may name a node, and so its files, too: 1 to 63 letters, digits, `.`, `-` and `_`, of
/// which a letter or digit comes first.
bool is_node_name(std::string_view name) noexcept;

/// A self-signed certificate that may certify nodes but no further authority. `name` has 1 to 64
/// bytes. Errors: `invalid_field`; `internal` with OpenSSL's reason.
result<certified_key> make_authority(const std::string& name, validity valid);

/// A certificate for both sides of a link (serverAuth and clientAuth), with a fresh key. Its subject and
/// first alternative name are `name`. Errors: `invalid_field` for a name or address that is none or a
/// validity that outlasts the authority's; `precondition_failed` when `authority` is no authority's
/// certificate with its key; `internal` with OpenSSL's reason.
result<certified_key> make_node_certificate(const certified_key& authority, const std::string& name,
                                            const alternative_names& more, validity valid);

} // namespace troupe::links
