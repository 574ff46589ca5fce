#pragma once

#include <caf/all.hpp>

#include "actors/api/interfaces.hpp"
#include "base/error.hpp"
#include "base/family.hpp"
#include "base/stable_hash.hpp"

namespace troupe {

/// Which family a typed actor belongs to.
template <class Actor>
inline constexpr family family_of = family::directory;
template <>
inline constexpr family family_of<player_actor> = family::player;
template <>
inline constexpr family family_of<catalog_actor> = family::catalog;

/// Finds the actor that answers for a key. One per node, shared by all of its gateway threads and
/// actors; safe to call from any thread, never blocks.
class router {
public:
  virtual ~router() = default;

  /// The actor to send requests for `ref` to: the shard actor itself when this node owns it.
  /// Errors: `shard_unavailable`.
  virtual result<caf::strong_actor_ptr> locate(shard_ref ref) const = 0;

  virtual std::uint32_t shard_count(family fam) const noexcept = 0;

  /// `key` is what the family shards by: a player's id, a folded name, an operation id.
  template <class Actor, class Key>
  result<Actor> route(const Key& key) const {
    constexpr family fam = family_of<Actor>;
    auto found = locate({fam, shard_of(key, shard_count(fam))});
    if (!found) return std::unexpected(found.error());
    return caf::actor_cast<Actor>(*found);
  }

  /// For families of one shard.
  template <class Actor>
  result<Actor> route() const {
    auto found = locate({family_of<Actor>, 0});
    if (!found) return std::unexpected(found.error());
    return caf::actor_cast<Actor>(*found);
  }
};

} // namespace troupe
