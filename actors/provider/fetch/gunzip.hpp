#pragma once

#include <zlib.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

namespace troupe::provider {

/// Decodes a gzip stream (RFC 1952, several members included) piece by piece into a buffer that does not
/// grow. For one thread.
class gunzip {
public:
  enum class state : std::uint8_t {
    more,    ///< wants input
    ended,   ///< a member is complete; more may follow
    damaged, ///< this is no gzip, or it is broken
  };

  gunzip();

  /// `bytes` must stay until `next` gave nothing of them any more.
  void put(std::string_view bytes) noexcept;

  /// What comes next of what was put, into `room` and never more than that; empty when all of it is decoded or
  /// when it is damaged.
  std::string_view next(std::span<char> room) noexcept;

  state where() const noexcept { return state_; }

private:
  struct end {
    void operator()(z_stream* stream) const noexcept;
  };

  std::unique_ptr<z_stream, end> stream_;
  state state_ = state::more;
};

} // namespace troupe::provider
