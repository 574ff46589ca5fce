#include "actors/provider/answer_keeper.hpp"

#include <array>
#include <new>
#include <utility>
#include <zlib.h>

namespace troupe {

struct answer_keeper::stream {
  z_stream z{};
  stream() {
    constexpr int gzip = 15 + 16;
    if (deflateInit2(&z, Z_BEST_SPEED, Z_DEFLATED, gzip, 8, Z_DEFAULT_STRATEGY) != Z_OK)
      throw std::bad_alloc{};
  }
  stream(const stream&) = delete;
  ~stream() { deflateEnd(&z); }
};

answer_keeper::answer_keeper() : stream_(std::make_unique<stream>()) {}
answer_keeper::~answer_keeper() = default;

void answer_keeper::run(std::string_view bytes, int flush) {
  std::array<char, 16 * 1024> room;
  auto& z = stream_->z;
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  z.avail_in = static_cast<uInt>(bytes.size());
  do {
    z.next_out = reinterpret_cast<Bytef*>(room.data());
    z.avail_out = room.size();
    deflate(&z, flush);
    kept_.append(room.data(), room.size() - z.avail_out);
  } while (z.avail_out == 0);
}

void answer_keeper::add(std::string_view bytes) {
  if (!stream_) return;
  run(bytes, Z_NO_FLUSH);
  if (kept_.size() <= most) return;
  stream_.reset();
  kept_ = {};
}

std::string answer_keeper::take() {
  if (!stream_) return {};
  run({}, Z_FINISH);
  stream_.reset();
  return std::exchange(kept_, {});
}

} // namespace troupe
