#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/uuid.hpp"

// The search of events: an immutable index in the memory of every gateway, swapped when events change.

namespace troupe {

/// One event as the search shows it. Prices in units of 1/10000.
struct searchable_event {
  uuid id;
  uuid provider_id;
  std::string provider; ///< its name
  std::string title;
  std::chrono::local_seconds starts_at; ///< on the clocks of the provider's zone
  std::chrono::local_seconds ends_at;
  std::chrono::sys_seconds starts_at_utc; ///< the same as instants
  std::chrono::sys_seconds ends_at_utc;
  bool available = false; ///< tickets are on sale
  std::optional<std::int64_t> min_price;
  std::optional<std::int64_t> max_price;
};

/// Which events are wanted; what is not set does not matter.
struct event_query {
  std::optional<std::chrono::sys_seconds> starts_at; ///< starts then or later
  std::optional<std::chrono::sys_seconds> ends_at;   ///< ends then or earlier
  std::optional<uuid> provider_id;
  std::optional<std::string> provider; ///< its name, without regard to case
  std::optional<std::string> title;    ///< a beginning of the title, without regard to case
  std::optional<bool> available;
};

/// Where a page ended: the order is by start, then by id.
struct event_position {
  std::int64_t starts_at = 0; ///< seconds since 1970, UTC
  uuid id;
};

/// Shared by all threads, never changed.
class event_index {
public:
  struct entry {
    searchable_event event;
    std::string title_key;    ///< folded
    std::string provider_key; ///< folded
    std::string json;         ///< the event's object as `/search` gives it
  };
  using entries = std::vector<std::shared_ptr<const entry>>;

  event_index() = default;

  /// The index before with some events new or changed and others gone. What did not change is shared with it.
  static std::shared_ptr<const event_index> with(const event_index& before,
                                                 std::vector<searchable_event> changed,
                                                 std::span<const uuid> gone, std::uint64_t version);

  /// As its maker said: equal for indexes with the same events, on every node.
  std::uint64_t version() const noexcept { return version_; }
  std::size_t size() const noexcept { return by_start_.size(); }

  /// Nullptr when it is not shown. Valid as long as the index.
  const searchable_event* find(const uuid& id) const;

  /// Appends the objects of what matches to `out`, separated by commas, in order, at most `limit` of those
  /// after `after`. Gives where to go on when there are more.
  std::optional<event_position> search(const event_query& query,
                                       const std::optional<event_position>& after,
                                       std::size_t limit, std::string& out) const;

private:
  entries by_start_;
  std::unordered_map<uuid, std::shared_ptr<const entry>> by_id_;
  std::uint64_t version_ = 0;
};

/// Where a node's index stands. One per node; any thread may read it. Lives as long as the process.
class event_view {
public:
  std::shared_ptr<const event_index> current() const { return current_.load(); }
  void publish(std::shared_ptr<const event_index> next) {
    current_.store(std::move(next));
    loaded_.store(true);
  }
  /// Whether the events were read once.
  bool loaded() const noexcept { return loaded_.load(); }

private:
  std::atomic<bool> loaded_{false};
  std::atomic<std::shared_ptr<const event_index>> current_{std::make_shared<const event_index>()};
};

} // namespace troupe
