#include "actors/shard/shard_life.hpp"

#include "base/log.hpp"

namespace troupe {

std::string_view to_string(shard_state s) noexcept {
  switch (s) {
    case shard_state::unowned: return "unowned";
    case shard_state::acquiring: return "acquiring";
    case shard_state::loading: return "loading";
    case shard_state::active: return "active";
    case shard_state::draining: return "draining";
    case shard_state::released: return "released";
    case shard_state::fenced: return "fenced";
  }
  return "unknown";
}

void shard_life::start_acquiring(std::string_view why) { enter(shard_state::acquiring, why); }

void shard_life::not_acquired(std::string_view why) { enter(shard_state::unowned, why); }

void shard_life::acquired(std::int64_t epoch) {
  epoch_ = epoch;
  enter(shard_state::loading, "epoch acquired");
}

void shard_life::activate() { enter(shard_state::active, "loaded"); }

void shard_life::start_draining(std::string_view why) { enter(shard_state::draining, why); }

void shard_life::released() { enter(shard_state::released, "drained"); }

void shard_life::fenced(std::string_view why) { enter(shard_state::fenced, why); }

void shard_life::enter(shard_state next, std::string_view why) {
  if (next == state_) return;
  auto level = next == shard_state::fenced ? log::level::warn : log::level::debug;
  if (log::enabled(level))
    log::write(level, "shard", "transition",
               {{"family", to_string(ref_.fam)},
                {"shard", ref_.shard},
                {"epoch", epoch_},
                {"incarnation", to_string(incarnation_)},
                {"from", to_string(state_)},
                {"to", to_string(next)},
                {"why", why}});
  state_ = next;
  board_.epoch.store(epoch_, std::memory_order_relaxed);
  board_.state.store(next, std::memory_order_relaxed);
  if (told_) told_(ref_, next, epoch_);
}

} // namespace troupe
