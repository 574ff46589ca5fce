#include "actors/cluster/remote/envelope.hpp"

#include <boost/endian/conversion.hpp>

namespace troupe::remote {

namespace {

constexpr std::size_t prefix_size = 9;

void append_size(std::string& frame, std::size_t size) {
  unsigned char bytes[4];
  boost::endian::store_big_u32(bytes, static_cast<std::uint32_t>(size));
  frame.append(reinterpret_cast<const char*>(bytes), sizeof bytes);
}

std::size_t size_at(std::span<const std::byte> frame, std::size_t offset) {
  return boost::endian::load_big_u32(reinterpret_cast<const unsigned char*>(frame.data() + offset));
}

std::string_view text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

} // namespace

void append_item(std::string& frame, item_kind kind, std::string_view head, std::string_view body) {
  frame += static_cast<char>(kind);
  append_size(frame, head.size());
  append_size(frame, body.size());
  frame.append(head).append(body);
}

std::optional<item> next_item(std::span<const std::byte>& frame, bool& malformed) {
  malformed = false;
  if (frame.empty()) return std::nullopt;
  malformed = true;
  if (frame.size() < prefix_size) return std::nullopt;
  const auto head = size_at(frame, 1);
  const auto body = size_at(frame, 5);
  const auto rest = frame.subspan(prefix_size);
  if (head > rest.size() || body > rest.size() - head) return std::nullopt;
  malformed = false;
  item found{static_cast<std::uint8_t>(frame[0]), text_of(rest.first(head)),
             text_of(rest.subspan(head, body))};
  frame = rest.subspan(head + body);
  return found;
}

std::optional<shard_ref> shard_of_head(std::uint8_t fam, std::int32_t shard) {
  if (fam >= families.size() || shard < 0) return std::nullopt;
  return shard_ref{static_cast<family>(fam), shard};
}

} // namespace troupe::remote
