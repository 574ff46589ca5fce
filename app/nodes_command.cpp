#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "app/command_line.hpp"
#include "app/databases.hpp"
#include "base/text.hpp"
#include "persistence/membership_store.hpp"

namespace troupe {

namespace {

constexpr std::chrono::seconds time_limit{5};

struct nodes_options {
  bool all = false;
  bool json = false;
};

bool has_ended(const member_record& member) {
  return member.state == member_state::left || member.state == member_state::dead;
}

/// Where other nodes reach it.
std::string link_address(const member_record& member) {
  return member.link_host.empty() ? "-" : member.link_host + ':' + std::to_string(member.link_port);
}

void print_table(const std::vector<member_record>& members) {
  std::size_t widest = 4;
  for (const auto& member : members) widest = std::max(widest, member.node.size());
  const auto width = static_cast<int>(widest);
  std::printf("%-*s  %-36s  %-8s  %-24s  %-10s  %-21s  %6s  %s\n", width, "node", "incarnation",
              "state", "joined", "build", "links", "weight", "why");
  for (const auto& member : members)
    std::printf("%-*s  %s  %-8s  %s  %-10s  %-21s  %6d  %s\n", width, member.node.c_str(),
                to_string(member.incarnation).c_str(), std::string{to_string(member.state)}.c_str(),
                to_string(member.joined_at).c_str(), member.build.c_str(),
                link_address(member).c_str(), member.weight, member.why.c_str());
}

void print_json(const std::vector<member_record>& members) {
  std::string out = "[";
  for (const auto& member : members) {
    const std::pair<std::string_view, std::string> fields[]{
      {"node", member.node},
      {"incarnation", to_string(member.incarnation)},
      {"state", std::string{to_string(member.state)}},
      {"host", member.host},
      {"joined_at", to_string(member.joined_at)},
      {"build", member.build},
      {"links", link_address(member)},
      {"why", member.why},
    };
    out += out.size() > 1 ? ",\n {" : "{";
    for (const auto& [name, value] : fields) {
      if (!out.ends_with('{')) out += ", ";
      append_json_string(out, name);
      out += ": ";
      append_json_string(out, value);
    }
    out += '}';
  }
  std::printf("%s]\n", out.c_str());
}

exit_code list(command_line& line, const nodes_options& options) {
  auto config = line.load(command_line::needs::databases);
  if (!config) return config.error();
  const auto store = make_membership_store(addresses_of(config->values).front(), make_uuid_v7(),
                                           time_limit);
  auto members = store->list();
  if (!members) return give_up(members.error());
  if (!options.all) std::erase_if(*members, has_ended);
  if (options.json)
    print_json(*members);
  else
    print_table(*members);
  return exit_code::ok;
}

} // namespace

void add_nodes_command(CLI::App& root, command_line& line) {
  auto options = std::make_shared<nodes_options>();
  auto command = line.add(root, "nodes",
                          "Lists the nodes of the cluster, as the control database knows them",
                          "  troupe nodes\n"
                          "  troupe nodes --all --json     those that ended within an hour, too",
                          [&line, options] { return list(line, *options); });
  command->add_flag("--all", options->all, "Also nodes that left or are dead");
  command->add_flag("--json", options->json, "As JSON, for scripts");
}

} // namespace troupe
