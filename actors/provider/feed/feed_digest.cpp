#include <sodium.h>

#include "actors/provider/feed/feed.hpp"

namespace troupe {

namespace {

/// The canonical form: numbers as 8 bytes, little-endian; texts after their length; optional values after
/// 1, or 0 for none.
class canonical {
public:
  void add(std::uint64_t number) {
    for (int shift = 0; shift < 64; shift += 8)
      bytes_.push_back(static_cast<char>(number >> shift));
  }

  void add(std::string_view text) {
    add(std::uint64_t{text.size()});
    bytes_.append(text);
  }

  void add(local_time time) { add(static_cast<std::uint64_t>(time.time_since_epoch().count())); }

  template <class T>
  void add(const std::optional<T>& value) {
    add(std::uint64_t{value.has_value()});
    if (value) add(*value);
  }

  void reserve(std::size_t bytes) { bytes_.reserve(bytes); }

  feed_digest digest_of() const {
    feed_digest out;
    crypto_generichash(out.data(), out.size(),
                       reinterpret_cast<const unsigned char*>(bytes_.data()), bytes_.size(),
                       nullptr, 0);
    return out;
  }

private:
  std::string bytes_;
};

} // namespace

feed_digest digest_of(const std::vector<feed_zone>& zones) {
  canonical form;
  form.reserve(64 * zones.size() + 8);
  form.add(std::uint64_t{zones.size()});
  for (const auto& zone : zones) {
    form.add(std::string_view{zone.id});
    form.add(std::string_view{zone.name});
    form.add(std::uint64_t{zone.capacity});
    form.add(static_cast<std::uint64_t>(zone.price.units));
    form.add(std::uint64_t{zone.numbered});
  }
  return form.digest_of();
}

feed_digest digest_of(const feed_event& event, const feed_digest& zones) {
  canonical form;
  form.add(std::string_view{event.base_id});
  form.add(std::string_view{event.id});
  form.add(std::string_view{event.title});
  form.add(event.organizer_id);
  form.add(std::uint64_t{event.online});
  form.add(std::uint64_t{event.sold_out});
  form.add(event.starts_at);
  form.add(event.ends_at);
  form.add(event.sell_from);
  form.add(event.sell_to);
  form.add(std::string_view{reinterpret_cast<const char*>(zones.data()), zones.size()});
  return form.digest_of();
}

feed_digest digest_of(const feed_event& event) { return digest_of(event, digest_of(event.zones)); }

} // namespace troupe
