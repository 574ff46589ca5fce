#pragma once

#include <array>
#include <charconv>
#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace troupe {

/// A kind of typed actor group. The numbers travel between nodes: append, never renumber.
enum class family : std::uint8_t {
  directory = 0, ///< names that are unique over all shards, and claims of operation ids
  player = 1,    ///< players, their libraries and sessions
  catalog = 2,   ///< studios, games and staff: reference data, copied into every node's memory
  provider = 3,  ///< providers of events, their fetches and the events themselves
};

struct family_info {
  family id;
  std::string_view name;             ///< as stored in the databases and shown to people
  std::uint32_t default_shard_count; ///< fixed when the cluster is born
};

inline constexpr std::array families{
  family_info{family::directory, "directory", 64},
  family_info{family::player, "player", 256},
  family_info{family::catalog, "catalog", 1},
  family_info{family::provider, "provider", 16},
};

constexpr std::string_view to_string(family f) noexcept {
  return families[static_cast<std::size_t>(f)].name;
}

constexpr std::optional<family> parse_family(std::string_view name) noexcept {
  for (const auto& info : families)
    if (info.name == name) return info.id;
  return std::nullopt;
}

/// One logical slice of a family.
struct shard_ref {
  family fam = family::directory;
  std::int32_t shard = 0;

  auto operator<=>(const shard_ref&) const = default;
};

/// For logs: `player/17`.
inline std::string to_string(shard_ref ref) {
  return std::string{to_string(ref.fam)} + '/' + std::to_string(ref.shard);
}

/// Reads `player/17`.
inline std::optional<shard_ref> parse_shard_ref(std::string_view text) noexcept {
  const auto slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const auto fam = parse_family(text.substr(0, slash));
  if (!fam) return std::nullopt;
  shard_ref ref{*fam, 0};
  const auto* end = text.data() + text.size();
  const auto [stop, why] = std::from_chars(text.data() + slash + 1, end, ref.shard);
  if (why != std::errc{} || stop != end || ref.shard < 0) return std::nullopt;
  return ref;
}

} // namespace troupe

template <>
struct std::hash<troupe::shard_ref> {
  std::size_t operator()(troupe::shard_ref ref) const noexcept {
    return (static_cast<std::size_t>(ref.fam) << 32) ^ static_cast<std::uint32_t>(ref.shard);
  }
};
