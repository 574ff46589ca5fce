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
template <>
inline constexpr family family_of<provider_actor> = family::provider;

/// Where to send a request for a shard.
struct shard_route {
  caf::strong_actor_ptr
    first; ///< the shard actor when this node seems to own it; null: nobody knows
  /// Takes any request for the shard to its owner, wherever that is; null when `first` does that
  /// already. To be asked when `first` answers `not_owner`.
  caf::strong_actor_ptr elsewhere;
};

/// Finds the actor that answers for a key. One per node, shared by all of its gateway threads and
/// actors; safe to call from any thread, never blocks.
class router {
public:
  virtual ~router() = default;

  virtual shard_route locate(shard_ref ref) const = 0;

  virtual std::uint32_t shard_count(family fam) const noexcept = 0;

  /// The actor that takes requests to the owner of a key's shard. `key` is what the family shards by: a
  /// player's id, a folded name, an operation id. Errors: `shard_unavailable`.
  template <class Actor, class Key>
  result<Actor> route(const Key& key) const {
    constexpr family fam = family_of<Actor>;
    return actor_for<Actor>(shard_of(key, shard_count(fam)));
  }

  /// For families of one shard.
  template <class Actor>
  result<Actor> route() const {
    return actor_for<Actor>(0);
  }

private:
  template <class Actor>
  result<Actor> actor_for(std::int32_t shard) const {
    auto found = locate({family_of<Actor>, shard});
    auto& to = found.elsewhere ? found.elsewhere : found.first;
    if (!to) return fail(errc::shard_unavailable);
    return caf::actor_cast<Actor>(to);
  }
};

} // namespace troupe
