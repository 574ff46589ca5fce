#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "app/command_line.hpp"
#include "app/databases.hpp"
#include "base/text.hpp"
#include "persistence/membership_store.hpp"
#include "persistence/shard_listing.hpp"

namespace troupe {

namespace {

constexpr std::chrono::seconds time_limit{5};

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
  const auto databases = addresses_of(values);
  auto shards = list_shards(databases);
  if (!shards) return std::unexpected(shards.error());
  const auto members = make_membership_store(databases.front(), make_uuid_v7(), time_limit)->list();
  if (!members) return std::unexpected(members.error());
  std::vector<named_shard> named;
  for (auto& shard : *shards) {
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

} // namespace

void add_shards_command(CLI::App& root, command_line& line) {
  auto shards = root.add_subcommand("shards", "Shows where shards live and who owns them");
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
}

} // namespace troupe
