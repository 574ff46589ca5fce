#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstdio>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "app/command_line.hpp"
#include "app/databases.hpp"
#include "app/shard_moves.hpp"
#include "app/shard_text.hpp"
#include "base/text.hpp"
#include "persistence/membership_store.hpp"
#include "persistence/shard_listing.hpp"

namespace troupe {

namespace {

constexpr std::chrono::seconds time_limit{5};

struct shard_move_options {
  std::vector<std::string> shards;
  std::string target;
  move_options how;
};

struct list_options {
  std::string family;
  bool each = false;
  bool json = false;
};

/// A shard and its owner's name, for people.
struct named_shard {
  listed_shard shard;
  std::string node; ///< "-" without an owner
};

std::string name_of(const std::optional<uuid>& owner, const std::vector<member_record>& members) {
  if (!owner) return "-";
  const auto found = std::ranges::find(members, *owner, &member_record::incarnation);
  if (found == members.end()) return to_string(*owner);
  const bool ended = found->state == member_state::left || found->state == member_state::dead;
  return ended ? found->node + " (" + std::string{to_string(found->state)} + ")" : found->node;
}

result<std::vector<named_shard>> read(const settings& values, const list_options& options) {
  const auto configured = addresses_of(values);
  const auto known = known_databases(configured);
  if (!known) return std::unexpected(known.error());
  const auto homes = shard_homes(configured);
  if (!homes) return std::unexpected(homes.error());
  const auto databases = addresses_of(*known);
  auto shards = list_shards(databases);
  if (!shards) return std::unexpected(shards.error());
  const auto members = make_membership_store(databases.front(), make_uuid_v7(), time_limit)->list();
  if (!members) return std::unexpected(members.error());
  std::unordered_map<shard_ref, std::string> home_of;
  for (const auto& home : *homes) home_of.emplace(home.ref, home.database);
  std::vector<named_shard> named;
  for (auto& shard : *shards) {
    if (home_of[shard.ref] != shard.database) continue; // it is on its way there, or has just left
    if (!options.family.empty() && to_string(shard.ref.fam) != options.family) continue;
    auto node = name_of(shard.owner, *members);
    named.push_back({std::move(shard), std::move(node)});
  }
  return named;
}

void print_each(const std::vector<named_shard>& shards) {
  std::printf("%-14s  %-12s  %8s  %-24s  %s\n", "shard", "database", "epoch", "changed", "node");
  for (const auto& [shard, node] : shards)
    std::printf("%-14s  %-12s  %8lld  %s  %s\n", to_string(shard.ref).c_str(),
                shard.database.c_str(), static_cast<long long>(shard.epoch),
                to_string(shard.changed_at).c_str(), node.c_str());
}

void print_counts(const std::vector<named_shard>& shards) {
  std::map<std::tuple<family, std::string, std::string>, std::size_t> counts;
  for (const auto& [shard, node] : shards) ++counts[{shard.ref.fam, shard.database, node}];
  std::printf("%-10s  %-12s  %6s  %s\n", "family", "database", "shards", "node");
  for (const auto& [key, count] : counts) {
    const auto& [fam, database, node] = key;
    std::printf("%-10s  %-12s  %6zu  %s\n", std::string{to_string(fam)}.c_str(), database.c_str(),
                count, node.c_str());
  }
}

void print_json(const std::vector<named_shard>& shards) {
  std::string out = "[";
  for (const auto& [shard, node] : shards) {
    out += out.size() > 1 ? ",\n {\"family\": " : "{\"family\": ";
    append_json_string(out, to_string(shard.ref.fam));
    out += ", \"shard\": " + std::to_string(shard.ref.shard) + ", \"database\": ";
    append_json_string(out, shard.database);
    out += ", \"epoch\": " + std::to_string(shard.epoch) + ", \"owner\": ";
    if (shard.owner)
      append_json_string(out, to_string(*shard.owner));
    else
      out += "null";
    out += ", \"node\": ";
    append_json_string(out, node);
    out += ", \"changed_at\": ";
    append_json_string(out, to_string(shard.changed_at));
    out += '}';
  }
  std::printf("%s]\n", out.c_str());
}

exit_code list(command_line& line, const list_options& options) {
  auto config = line.load(command_line::needs::databases);
  if (!config) return config.error();
  const auto shards = read(config->values, options);
  if (!shards) return give_up(shards.error());
  if (options.json)
    print_json(*shards);
  else if (options.each)
    print_each(*shards);
  else
    print_counts(*shards);
  return exit_code::ok;
}

exit_code move(command_line& line, const shard_move_options& options) {
  auto config = line.load(command_line::needs::databases);
  if (!config) return config.error();
  const auto configured = addresses_of(config->values);
  const auto known = known_databases(configured);
  if (!known) return give_up(known.error());
  const auto target = std::ranges::find(*known, options.target,
                                        [](const auto& one) { return one.address.name; });
  if (target == known->end())
    return give_up(exit_code::data, "there is no database " + options.target);
  if (target->draining)
    return give_up(exit_code::data, "database " + options.target + " is being drained");
  const auto homes = shard_homes(configured);
  if (!homes) return give_up(homes.error());
  std::vector<planned_move> moves;
  for (const auto& text : options.shards) {
    const auto ref = *parse_shard_ref(text);
    const auto home = std::ranges::find(*homes, ref, &shard_home::ref);
    if (home == homes->end()) return give_up(exit_code::data, "there is no shard " + text);
    if (home->database != options.target) moves.push_back({ref, home->database, options.target});
  }
  return run_moves(*known, moves, options.how);
}

exit_code rebalance(command_line& line, const shard_move_options& options) {
  auto config = line.load(command_line::needs::databases);
  if (!config) return config.error();
  const auto configured = addresses_of(config->values);
  const auto known = known_databases(configured);
  if (!known) return give_up(known.error());
  const auto homes = shard_homes(configured);
  if (!homes) return give_up(homes.error());
  std::vector<std::string> active;
  for (const auto& one : *known)
    if (!one.draining) active.push_back(one.address.name);
  if (active.empty()) return give_up(exit_code::data, "every database is being drained");
  return run_moves(*known, plan_rebalance(*homes, active), options.how);
}

void add_moves(CLI::App& shards, command_line& line) {
  auto options = std::make_shared<shard_move_options>();
  auto moving = line.add(
    shards, "move",
    "Moves shards to another database while nodes serve: copies, compares counts and checksums, flips. "
    "Say it again to go on after an interruption or a crash",
    "  troupe shards move player/17 player/18 --to c\n"
    "  troupe shards move catalog/0 --to b --json",
    [&line, options] { return move(line, *options); });
  moving->add_option("shards", options->shards, "As FAMILY/NUMBER")->required()->check(is_shard);
  moving->add_option("--to", options->target, "The database that shall hold them")->required();
  auto balancing = line.add(
    shards, "rebalance",
    "Gives every database its fair share of each family's shards, by the fewest moves, while nodes serve",
    "  troupe shards rebalance --dry-run\n"
    "  troupe shards rebalance",
    [&line, options] { return rebalance(line, *options); });
  for (auto* command : {moving, balancing}) {
    command->add_flag("--dry-run", options->how.dry_run, "Only tells what would move");
    command->add_flag("--json", options->how.json, "As JSON, for scripts");
  }
}

} // namespace

void add_shards_command(CLI::App& root, command_line& line) {
  auto shards = root.add_subcommand(
    "shards", "Shows where shards live and who owns them, and moves them to other databases");
  shards->require_subcommand(1);
  auto options = std::make_shared<list_options>();
  auto command = line.add(*shards, "list",
                          "Lists shards by family, database and owning node, as the fences say",
                          "  troupe shards list\n"
                          "  troupe shards list --family player --each\n"
                          "  troupe shards list --json",
                          [&line, options] { return list(line, *options); });
  std::vector<std::string> names;
  for (const auto& info : families) names.emplace_back(info.name);
  command->add_option("--family", options->family, "Only this family")->check(CLI::IsMember(names));
  command->add_flag("--each", options->each, "A line for each shard, with its epoch");
  command->add_flag("--json", options->json, "As JSON, for scripts; each shard");
  add_moves(*shards, line);
  add_pin_commands(*shards, line);
}

} // namespace troupe
