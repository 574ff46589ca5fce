#pragma once

#include <cstdint>
#include <string>

namespace troupe::simulator {

enum class feed_format : std::uint8_t { event_list, plan_list };

struct feed_shape {
  std::uint64_t events = 100; ///< some of them are absent at times
  std::uint64_t zones = 5;    ///< of each event
  std::uint64_t seed = 1;
  feed_format format = feed_format::event_list;
};

/// Writes the feed of one generation piece by piece; the same shape and generation give the same bytes. From one
/// generation to the next some events change (prices always, titles and times at times), some go or come back,
/// some go for good and as many new ones come. As real feeds do, it repeats event ids under several base
/// events and zone ids within an event, and has zones without capacity.
class feed_writer {
public:
  feed_writer(feed_shape shape, std::uint64_t generation);

  /// Appends at least `size` bytes, and less than a kilobyte more, or what is left. False when nothing was left.
  bool write(std::string& out, std::size_t size);

private:
  enum class place : std::uint8_t { start, event, zone, end, over };

  /// How often an event has changed; each generation that is one more for only some of them.
  std::uint64_t changes_of(std::uint64_t event, std::uint64_t generation) const noexcept;
  bool is_absent(std::uint64_t event) const noexcept;
  void write_base(std::string& out, std::uint64_t event);
  void write_event(std::string& out);
  void write_zone(std::string& out);
  void end_event(std::string& out);

  feed_shape shape_;
  std::uint64_t generation_;
  std::uint64_t new_;      ///< events of each generation, and as many that go for good
  std::uint64_t first_;    ///< event of this generation
  std::uint64_t interval_; ///< generations between two changes of an event
  place place_ = place::start;
  std::uint64_t event_;
  std::uint64_t zone_ = 0;
  bool in_base_ = false;
};

/// The size of the whole feed in bytes; as much work as writing it.
std::uint64_t size_of_feed(const feed_shape& shape, std::uint64_t generation);

} // namespace troupe::simulator
