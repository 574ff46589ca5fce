#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/error.hpp"

// Other forms of bodies: gzip, and msgpack in the place of JSON.

namespace troupe::gateway {

/// Compresses bodies; keeps zlib's memory between them. One per thread.
class gzip_encoder {
public:
  gzip_encoder();
  ~gzip_encoder();
  gzip_encoder(const gzip_encoder&) = delete;
  gzip_encoder& operator=(const gzip_encoder&) = delete;

  /// False when it could not be done, or would not make the text smaller.
  bool encode(std::string_view plain, std::string& out);

private:
  struct stream;
  std::unique_ptr<stream> stream_;
};

/// The JSON text of a msgpack value. Errors: `malformed_body` for what is no msgpack, is nested too
/// deeply or has no JSON form (bin and ext values, keys that are no text, numbers that are not
/// finite).
result<std::string> msgpack_to_json(std::string_view bytes);

/// The msgpack form of a JSON text of ours. Errors: `internal` for what is no JSON.
result<std::string> json_to_msgpack(std::string_view text);

} // namespace troupe::gateway
