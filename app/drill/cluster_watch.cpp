#include "app/drill/cluster_watch.hpp"

#include <algorithm>
#include <fstream>
#include <optional>

#include "app/http/http_client.hpp"
#include "base/json.hpp"

namespace troupe::drill {

using namespace std::chrono_literals;

// The forms of what is read; not in an unnamed namespace, for they are described.
struct shard_row {
  std::string family;
  std::int32_t shard = 0;
  std::int64_t epoch = 0;
  std::string state;
  std::optional<std::string> owner;
  std::int64_t hot_bytes = 0;
  std::int64_t waiting = 0;
};
struct shards_answer {
  std::string incarnation;
  std::vector<shard_row> shards;
};
struct transition_line {
  timestamp ts;
  std::string level;
  std::string component;
  std::string event;
  std::string family;
  std::int32_t shard = 0;
  std::int64_t epoch = 0;
  std::string incarnation;
  std::string from;
  std::string to;
  std::string why;
};

namespace {

constexpr auto limit = 2'000ms;

} // namespace

result<node_shards> cluster_watch::shards_of(std::size_t node) const {
  auto client = http_client::make(cluster_.nodes.at(node).admin_url);
  if (!client) return std::unexpected(client.error());
  auto answer = client->send({.target = "/shards"}, limit);
  if (!answer) return fail(errc::internal, answer.error().why);
  auto read = from_json<shards_answer>(answer->body);
  if (!read) return std::unexpected(read.error());
  node_shards found{read->incarnation, {}, read->shards.size()};
  for (const auto& row : read->shards)
    if (row.state == "active") found.active.insert(row.family + '/' + std::to_string(row.shard));
  return found;
}

bool cluster_watch::ready(std::size_t node) const {
  auto client = http_client::make(cluster_.nodes.at(node).admin_url);
  if (!client) return false;
  auto answer = client->send({.target = "/readyz"}, limit);
  return answer && answer->status == 200;
}

bool cluster_watch::all_served(std::size_t without) const {
  std::set<std::string> served;
  std::size_t wanted = 1;
  for (std::size_t node = 0; node < cluster_.nodes.size(); ++node) {
    if (node == without) continue;
    auto found = shards_of(node);
    if (!found) continue;
    wanted = found->all;
    served.merge(found->active);
  }
  return served.size() == wanted;
}

bool cluster_watch::well() const {
  for (std::size_t node = 0; node < cluster_.nodes.size(); ++node)
    if (!ready(node)) return false;
  return all_served(SIZE_MAX);
}

bool cluster_watch::runs(int pid) {
  std::ifstream file{"/proc/" + std::to_string(pid) + "/stat"};
  std::string line;
  if (pid <= 0 || !std::getline(file, line)) return false;
  const auto end = line.rfind(") ");
  return end != std::string::npos && line[end + 2] != 'Z' && line[end + 2] != 'X';
}

result<std::vector<transition>> cluster_watch::transitions() const {
  std::vector<transition> all;
  for (const auto& node : cluster_.nodes) {
    std::ifstream file{node.log};
    if (!file) return fail(errc::not_found, "cannot read " + node.log);
    for (std::string line; std::getline(file, line);) {
      if (line.find(R"("event":"transition")") == std::string::npos) continue;
      auto read = from_json<transition_line>(line);
      if (!read) continue; // the last line may be half written
      all.push_back({read->ts, read->family + '/' + std::to_string(read->shard), read->epoch,
                     read->incarnation, read->from, read->to});
    }
  }
  std::ranges::stable_sort(all, {}, [](const transition& one) { return one.at.unix_ms; });
  return all;
}

} // namespace troupe::drill
