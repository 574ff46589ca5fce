#pragma once

#include <filesystem>
#include <memory>
#include <mutex>
#include <string>

#include "actors/cluster/link/fingerprint.hpp"

namespace boost::asio::ssl {
class context;
}

namespace troupe::links {

/// PEM files.
struct credential_files {
  std::filesystem::path certificate; ///< this node's
  std::filesystem::path key;         ///< its private key, without a pass phrase
  std::filesystem::path authority;   ///< the certificate of whoever certifies all nodes
};

/// This node's certificate and whom it trusts, ready for TLS 1.3. One per node, shared by all its links;
/// safe from any thread.
class credentials {
public:
  using tls_context = std::shared_ptr<boost::asio::ssl::context>;

  /// Errors: `not_found` for a file that cannot be read, `precondition_failed` when they do not fit
  /// together: the key is another certificate's, the certificate is not (or no longer, or not yet) one
  /// that the authority vouches for on both sides of a connection.
  static result<std::shared_ptr<credentials>> load(credential_files files);

  /// Reads the files again. Links that begin from now on use what they hold; those that are up go on.
  /// When the files do not fit, says so in the log, keeps what was there, and gives the reason; errors as
  /// of `load`.
  result<void> reload();

  /// Changes whenever one of the files does; never fails.
  std::string stamps() const;

  /// For the next handshake, which keeps it.
  tls_context context() const;

  /// Of the present certificate: what this node's member row must hold.
  fingerprint own() const;

private:
  struct state {
    tls_context context;
    fingerprint own;
  };

  credentials(credential_files files, state first);
  static result<state> read(const credential_files& files);

  const credential_files files_;
  mutable std::mutex mutex_;
  state state_;
};

} // namespace troupe::links
