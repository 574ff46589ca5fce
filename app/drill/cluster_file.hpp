#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/error.hpp"

namespace troupe::drill {

/// A node of a development cluster.
struct cluster_node {
  std::string name;
  std::string url;       ///< of the public API; empty: it has none
  std::string admin_url; ///< of the operations port
  std::string pid_file;  ///< JSON with `pid`
  std::string log;       ///< JSON lines, with the transitions of shards
};

struct cluster_database {
  std::string name;
  std::string dsn;
};

/// How to do to the cluster what a drill cannot do by itself; a program and its arguments. Empty: cannot be
/// done.
struct cluster_commands {
  std::vector<std::string> restart_node;     ///< and the node's place, from 1
  std::vector<std::string> restart_database; ///< and the database's name; in immediate mode
  std::vector<std::string> flush_redis;
  /// Moves a quarter of the shards to a database that is added for it, and back.
  std::vector<std::string> move_shards;
  /// Cut and heal the network; and what: "links" between all nodes, "links-one-way" (whoever dialed is not
  /// heard), "database", the last one of the last node, or "database-answers", which do not arrive.
  std::vector<std::string> cut;
  std::vector<std::string> heal;
};

/// A running cluster, as `./dev up` describes it.
struct cluster_file {
  std::vector<cluster_node> nodes;
  std::vector<cluster_database> databases;
  cluster_commands commands;
};

/// Errors: `not_found`, `malformed_body`, `invalid_field`, with details for people.
result<cluster_file> read_cluster_file(const std::filesystem::path& path);

/// The process of a node now; 0 when its file does not tell.
int pid_of(const cluster_node& node);

/// Runs a command to its end; its exit code, or -1.
int run_command(std::vector<std::string> words);

} // namespace troupe::drill
