#include "app/generate_world.hpp"

#include <algorithm>
#include <array>
#include <numeric>
#include <string_view>
#include <utility>

namespace troupe::generation {

namespace {

constexpr std::array<std::string_view, 100> adjectives{
  "Agile",    "Amber",   "Ancient", "Ardent",   "Arctic",   "Bold",    "Brave",    "Bright",
  "Brisk",    "Bronze",  "Calm",    "Careful",  "Cheery",   "Civil",   "Clear",    "Clever",
  "Cobalt",   "Copper",  "Cosmic",  "Crimson",  "Crystal",  "Curious", "Daring",   "Dapper",
  "Deep",     "Devoted", "Distant", "Dusty",    "Eager",    "Early",   "Earnest",  "Eastern",
  "Electric", "Elegant", "Emerald", "Endless",  "Faithful", "Fancy",   "Fearless", "Fleet",
  "Fluent",   "Frosty",  "Gallant", "Gentle",   "Giant",    "Gilded",  "Golden",   "Grand",
  "Happy",    "Hardy",   "Hidden",  "Honest",   "Humble",   "Icy",     "Idle",     "Iron",
  "Ivory",    "Jade",    "Jolly",   "Keen",     "Kind",     "Lively",  "Lofty",    "Loyal",
  "Lucky",    "Lunar",   "Magic",   "Mellow",   "Merry",    "Mighty",  "Misty",    "Modest",
  "Neat",     "Nimble",  "Noble",   "Northern", "Odd",      "Olive",   "Patient",  "Plucky",
  "Polar",    "Proud",   "Quick",   "Quiet",    "Rapid",    "Ready",   "Royal",    "Rustic",
  "Scarlet",  "Secret",  "Shiny",   "Silent",   "Silver",   "Sly",     "Solar",    "Stormy",
  "Sunny",    "Swift",   "Velvet",  "Wild"};

constexpr std::array<std::string_view, 100> creatures{
  "Albatross", "Antelope", "Badger",  "Bear",  "Beaver",  "Beetle",  "Bison",   "Bobcat",
  "Buffalo",   "Camel",    "Caribou", "Cat",   "Cheetah", "Cobra",   "Condor",  "Cougar",
  "Coyote",    "Crane",    "Cricket", "Crow",  "Deer",    "Dingo",   "Dolphin", "Dove",
  "Dragon",    "Eagle",    "Egret",   "Elk",   "Falcon",  "Ferret",  "Finch",   "Fox",
  "Gazelle",   "Gecko",    "Gibbon",  "Goose", "Griffin", "Gull",    "Hare",    "Hawk",
  "Hedgehog",  "Heron",    "Hornet",  "Horse", "Hound",   "Ibex",    "Ibis",    "Iguana",
  "Jackal",    "Jaguar",   "Kestrel", "Kite",  "Koala",   "Lark",    "Lemur",   "Leopard",
  "Lion",      "Lizard",   "Llama",   "Lynx",  "Magpie",  "Mantis",  "Marmot",  "Marten",
  "Mink",      "Mole",     "Moose",   "Moth",  "Narwhal", "Newt",    "Ocelot",  "Octopus",
  "Orca",      "Osprey",   "Otter",   "Owl",   "Panda",   "Panther", "Parrot",  "Pelican",
  "Penguin",   "Phoenix",  "Puffin",  "Puma",  "Rabbit",  "Raven",   "Robin",   "Salmon",
  "Seal",      "Shark",    "Sparrow", "Stork", "Swan",    "Tiger",   "Toucan",  "Turtle",
  "Viper",     "Walrus",   "Wolf",    "Wombat"};

constexpr std::array<std::string_view, 100> places{
  "Abbey",   "Alley",   "Anchor",      "Arcade",  "Archive",  "Arena",      "Atlas",  "Avenue",
  "Barn",    "Basin",   "Bastion",     "Bay",     "Beacon",   "Bridge",     "Brook",  "Cabin",
  "Canal",   "Canyon",  "Castle",      "Cavern",  "Chapel",   "Citadel",    "Cliff",  "Cloister",
  "Coast",   "Compass", "Corner",      "Cottage", "Court",    "Cove",       "Crater", "Creek",
  "Crown",   "Delta",   "Desert",      "Dome",    "Dune",     "Empire",     "Falls",  "Farm",
  "Fjord",   "Forest",  "Forge",       "Fort",    "Fountain", "Frontier",   "Garden", "Gate",
  "Glacier", "Glade",   "Grove",       "Hall",    "Harbor",   "Haven",      "Hearth", "Highway",
  "Hill",    "Hollow",  "Horizon",     "Island",  "Isle",     "Junction",   "Keep",   "Kingdom",
  "Lagoon",  "Lake",    "Lantern",     "Ledge",   "Library",  "Lighthouse", "Lodge",  "Manor",
  "Market",  "Marsh",   "Meadow",      "Mill",    "Mine",     "Monument",   "Moon",   "Mountain",
  "Museum",  "Oasis",   "Observatory", "Orchard", "Outpost",  "Palace",     "Pass",   "Peak",
  "Pier",    "Plaza",   "Port",        "Quarry",  "Realm",    "Reef",       "Ridge",  "River",
  "Sanctum", "Station", "Temple",      "Tower"};

constexpr std::array<std::string_view, 5> studio_endings{"Games", "Studios", "Interactive", "Works",
                                                         "Entertainment"};
/// What stands before and after the two words of a game's name.
constexpr std::array<std::pair<std::string_view, std::string_view>, 10> game_forms{
  {{"", ""},
   {"The ", ""},
   {"", " II"},
   {"", " III"},
   {"", ": Origins"},
   {"", ": Legends"},
   {"", " Online"},
   {"", " Tactics"},
   {"Return to ", ""},
   {"Beyond ", ""}}};

constexpr std::uint64_t day_ms = 24ull * 60 * 60 * 1000;
/// 2025-01-01T00:00:00Z: the studios come, then for ninety days the players. All of it lies in the
/// past.
constexpr std::uint64_t first_studio_ms = 1'735'689'600'000;
constexpr std::uint64_t first_player_ms = first_studio_ms + 30 * day_ms;
constexpr std::uint64_t sign_up_period_ms = 90 * day_ms;
constexpr std::uint64_t register_period_ms = 30 * day_ms;
constexpr std::uint64_t most_games_of_player = 5;

/// What a random number is for: numbers of different purposes do not depend on each other.
enum purpose : std::uint64_t {
  for_player_id = 1,
  for_player_number,
  for_player_operation,
  for_library,
  for_registration,
  for_studio,
  for_game,
  for_staff,
  for_staff_operation,
  for_order,
};

/// The finalizer of SplitMix64 (Steele, Lea, Flood 2014): a bijection that scatters its input.
constexpr std::uint64_t scatter(std::uint64_t x) noexcept {
  x += 0x9E3779B97F4A7C15ull;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ull;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBull;
  return x ^ (x >> 31);
}

/// A number of [0, `size`) for each of them, every one once, in an order that the seed shuffles.
std::uint64_t shuffled(std::uint64_t number, std::uint64_t size, std::uint64_t seed) noexcept {
  auto step = scatter(seed) % size;
  while (std::gcd(step, size) != 1) ++step;
  return (number % size * step + scatter(seed + 1)) % size;
}

std::string lower(std::string text) {
  for (char& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  return text;
}

timestamp at(std::uint64_t unix_ms) { return {static_cast<std::int64_t>(unix_ms)}; }

} // namespace

world::world(std::uint64_t seed, std::uint64_t players, std::uint32_t studios)
  : seed_(seed),
    players_(players),
    player_interval_ms_(sign_up_period_ms / std::max<std::uint64_t>(players, 1)) {
  make_catalogue(studios);
}

std::uint64_t world::random(std::uint64_t purpose, std::uint64_t number,
                            std::uint64_t draw) const noexcept {
  return scatter(scatter(scatter(seed_ ^ purpose << 56) + number) + draw);
}

uuid world::make_id(std::uint64_t purpose, std::uint64_t number, timestamp time) const noexcept {
  return make_uuid_v7(static_cast<std::uint64_t>(time.unix_ms), random(purpose, number, 0),
                      random(purpose, number, 1));
}

void world::make_catalogue(std::uint32_t studios) {
  constexpr auto combinations = adjectives.size() * places.size();
  auto add_staff = [this](std::string username, staff_role role, std::optional<uuid> studio,
                          timestamp created) {
    const auto id = make_id(for_staff, staff_.size(), created);
    staff_.push_back({id, std::move(username), {}, role, studio, created});
  };
  add_staff("owner", staff_role::publisher, std::nullopt, at(first_studio_ms));
  add_staff("admin", staff_role::operator_, std::nullopt, at(first_studio_ms));

  for (std::uint64_t s = 0; s < studios; ++s) {
    const auto words = shuffled(s, combinations, random(for_studio, 0, 2));
    const std::string first{adjectives[words / places.size()]};
    const std::string second{places[words % places.size()]};
    const auto ending = studio_endings[random(for_studio, s, 3) % studio_endings.size()];
    const auto founded = at(first_studio_ms + (s + 1) * 60'000);
    const auto studio_id = make_id(for_studio, s, founded);
    studios_.push_back({studio_id, first + ' ' + second + ' ' + std::string{ending}, founded});
    add_staff(lower(first) + '-' + lower(second), staff_role::studio, studio_id, founded);

    const auto count = 1 + random(for_studio, s, 4) % 10;
    for (std::uint64_t g = 0; g < count; ++g) {
      const auto slot = shuffled(games_.size(), combinations * game_forms.size(),
                                 random(for_game, 0, 2));
      const auto& [before, after] = game_forms[slot % game_forms.size()];
      const auto pair = slot / game_forms.size();
      std::string name{before};
      name.append(adjectives[pair / places.size()]).append(" ");
      name.append(places[pair % places.size()]).append(after);
      const auto published = at(static_cast<std::uint64_t>(founded.unix_ms) + (g + 1) * 1'000);
      games_.push_back(
        {make_id(for_game, games_.size(), published), studio_id, std::move(name), published});
    }
  }

  // Weights are whole numbers, so that no rounding can differ between machines.
  std::vector<std::uint64_t> rank(games_.size());
  std::iota(rank.begin(), rank.end(), 1);
  for (auto i = rank.size(); i > 1; --i) std::swap(rank[i - 1], rank[random(for_order, i, 0) % i]);
  std::uint64_t sum = 0;
  for (auto r : rank) popularity_.push_back(sum += 1'000'000'000 / r);
}

timestamp world::created_at(std::uint64_t player) const noexcept {
  return at(first_player_ms + player * player_interval_ms_);
}

uuid world::player_id(std::uint64_t player) const noexcept {
  return make_id(for_player_id, player, created_at(player));
}

void world::append_name(std::uint64_t player, std::string& out) const {
  constexpr auto combinations = adjectives.size() * creatures.size();
  const auto words = shuffled(player, combinations, random(for_player_number, 0, 2));
  // The rounds through all pairs of words get numbers apart from each other.
  constexpr std::uint64_t apart = 9;
  const auto number = 1 + player / combinations * apart +
                      random(for_player_number, words, 3) % apart;
  out.append(adjectives[words / creatures.size()]).append(creatures[words % creatures.size()]);
  out.append(std::to_string(number));
}

void world::library(std::uint64_t player, std::vector<std::uint32_t>& out) const {
  out.clear();
  const auto wanted = std::min<std::uint64_t>(
    random(for_library, player, 0) % (most_games_of_player + 1), games_.size());
  for (std::uint64_t draw = 1; out.size() < wanted; ++draw) {
    const auto point = random(for_library, player, draw) % popularity_.back();
    const auto found = std::ranges::upper_bound(popularity_, point);
    const auto game = static_cast<std::uint32_t>(found - popularity_.begin());
    if (!std::ranges::contains(out, game)) out.push_back(game);
  }
  std::ranges::sort(out);
}

timestamp world::registered_at(std::uint64_t player, std::uint32_t game) const noexcept {
  const auto delay = random(for_registration, player, game) % register_period_ms;
  return {created_at(player).unix_ms + static_cast<std::int64_t>(delay)};
}

uuid world::player_operation(std::uint64_t player) const noexcept {
  return make_id(for_player_operation, player, created_at(player));
}

uuid world::staff_operation(std::size_t member) const noexcept {
  return make_id(for_staff_operation, member, staff_[member].created_at);
}

} // namespace troupe::generation
