#include <CLI/CLI.hpp>

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "app/command_line.hpp"
#include "app/databases.hpp"
#include "app/shard_text.hpp"
#include "persistence/placement_store.hpp"

namespace troupe {

namespace {

struct pin_options {
  std::vector<std::string> shards;
  std::string node;
};

/// An empty node takes the pins away.
exit_code pin(command_line& line, const pin_options& options) {
  auto config = line.load(command_line::needs::databases);
  if (!config) return config.error();
  const auto control = addresses_of(config->values).front();
  for (const auto& text : options.shards)
    if (auto done = pin_shard(control, *parse_shard_ref(text), options.node); !done)
      return give_up(done.error());
  std::printf("%zu: %s\n", options.shards.size(),
              options.node.empty() ? "free again" : ("pinned to " + options.node).c_str());
  return exit_code::ok;
}

} // namespace

void add_pin_commands(CLI::App& shards, command_line& line) {
  auto options = std::make_shared<pin_options>();
  auto pinning = line.add(
    shards, "pin",
    "Wants shards on the node of that name, as long as it is active; nodes hand them over by "
    "themselves",
    "  troupe shards pin catalog/0 --to n1\n"
    "  troupe shards pin player/17 player/18 --to big-machine",
    [&line, options] { return pin(line, *options); });
  pinning->add_option("shards", options->shards, "As FAMILY/NUMBER")->required()->check(is_shard);
  pinning->add_option("--to", options->node, "The node's name (cluster.node)")->required();
  auto freed = std::make_shared<pin_options>();
  auto unpinning = line.add(shards, "unpin", "Lets shards go where placement wants them",
                            "  troupe shards unpin catalog/0",
                            [&line, freed] { return pin(line, *freed); });
  unpinning->add_option("shards", freed->shards, "As FAMILY/NUMBER")->required()->check(is_shard);
}

} // namespace troupe
