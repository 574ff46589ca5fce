#pragma once

#include <string_view>

#include "actors/cluster/remote/envelope.hpp"
#include "base/uuid.hpp"

namespace troupe::remote {

/// The way to other nodes, for the thread that runs the links.
class transport {
public:
  enum class sent : std::uint8_t {
    queued,
    overflow,    ///< too much waits for that node already
    unreachable, ///< there is no link to it
  };

  virtual ~transport() = default;

  virtual bool reachable(const uuid& node) const = 0;

  /// Queues an item; all items of one turn of the thread travel together.
  virtual sent send(const uuid& node, item_kind kind, std::string_view head,
                    std::string_view body) = 0;
};

} // namespace troupe::remote
