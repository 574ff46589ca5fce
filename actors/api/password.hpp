#pragma once

#include <string>

namespace troupe {

/// Asks for the Argon2id hash of a password, in its encoded form.
struct hash_password {
  std::string password;
};
struct password_hashed {
  std::string encoded;
};

/// Checks a password against an encoded hash. An empty hash is checked against a constant one, so
/// that an unknown account takes as long as a known one.
struct verify_password {
  std::string password;
  std::string encoded;
};
struct password_verified {
  bool matches = false;
};

} // namespace troupe
