#include "actors/provider/fetch/gunzip.hpp"

#include <new>

namespace troupe::provider {

namespace {
constexpr int only_gzip = 16 + MAX_WBITS; // zlib.h on inflateInit2
}

void gunzip::end::operator()(z_stream* stream) const noexcept {
  inflateEnd(stream);
  delete stream;
}

gunzip::gunzip() {
  auto made = std::make_unique<z_stream>();
  if (inflateInit2(made.get(), only_gzip) != Z_OK) throw std::bad_alloc{};
  stream_.reset(made.release());
}

void gunzip::put(std::string_view bytes) noexcept {
  stream_->next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data())); // zlib only reads
  stream_->avail_in = static_cast<uInt>(bytes.size());
}

std::string_view gunzip::next(std::span<char> room) noexcept {
  stream_->next_out = reinterpret_cast<Bytef*>(room.data());
  stream_->avail_out = static_cast<uInt>(room.size());
  while (state_ != state::damaged && stream_->avail_out > 0) {
    if (state_ == state::ended) {
      if (stream_->avail_in == 0) break;
      inflateReset(stream_.get());
      state_ = state::more;
    }
    const auto done = inflate(stream_.get(), Z_NO_FLUSH);
    if (done == Z_STREAM_END)
      state_ = state::ended;
    else if (done == Z_BUF_ERROR) // neither input nor waiting output is left
      break;
    else if (done != Z_OK)
      state_ = state::damaged;
  }
  return {room.data(), room.size() - stream_->avail_out};
}

} // namespace troupe::provider
