#include "actors/provider/answer_keeper.hpp"

#include <array>
#include <new>
#include <sodium.h>
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

struct answer_keeper::hash {
  crypto_generichash_state state;
  hash() { crypto_generichash_init(&state, nullptr, 0, std::tuple_size_v<digest>); }
};

answer_keeper::answer_keeper()
  : stream_(std::make_unique<stream>()), hash_(std::make_unique<hash>()) {}
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
  crypto_generichash_update(&hash_->state, reinterpret_cast<const unsigned char*>(bytes.data()),
                            bytes.size());
  if (!stream_) return;
  run(bytes, Z_NO_FLUSH);
  if (kept_.size() <= most) return;
  stream_.reset();
  kept_ = {};
}

digest answer_keeper::sum() {
  digest bytes{};
  crypto_generichash_final(&hash_->state, bytes.data(), bytes.size());
  return bytes;
}

std::string answer_keeper::take() {
  if (!stream_) return {};
  run({}, Z_FINISH);
  stream_.reset();
  return std::exchange(kept_, {});
}

} // namespace troupe
