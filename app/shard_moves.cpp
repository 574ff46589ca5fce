#include "app/shard_moves.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <string>

#include "app/command_line.hpp"
#include "base/json.hpp"
#include "base/uuid.hpp"
#include "base/version.hpp"
#include "persistence/shard_mover.hpp"

namespace troupe {

// What --json prints.
struct moved_json {
  std::string family;
  std::int32_t shard = 0;
  std::string source;
  std::string target;
  std::int64_t rows = 0;
  std::int64_t away_ms = 0;
};
struct moves_json {
  std::int64_t planned = 0;
  std::int64_t rows = 0;
  double seconds = 0;
  std::int64_t longest_away_ms = 0;
  std::vector<moved_json> moved;
};

namespace {

using clock = std::chrono::steady_clock;

volatile std::sig_atomic_t interrupted = 0;

std::string host_name() {
  std::array<char, 256> name{};
  return gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "unknown";
}

double seconds_since(clock::time_point began) {
  return std::chrono::duration<double>(clock::now() - began).count();
}

void show_progress(const moves_json& report, clock::time_point began) {
  const auto& last = report.moved.back();
  const auto took = seconds_since(began);
  const auto done = static_cast<double>(report.moved.size());
  const auto left = (static_cast<double>(report.planned) - done) * took / done;
  std::fprintf(
    stderr,
    "%zu/%lld  %s/%d  %s -> %s  %lld rows, away for %lld ms  (%.1f shards/s, %.0f rows/s,"
    " about %.0f s left)\n",
    report.moved.size(), static_cast<long long>(report.planned), last.family.c_str(), last.shard,
    last.source.c_str(), last.target.c_str(), static_cast<long long>(last.rows),
    static_cast<long long>(last.away_ms), done / took, static_cast<double>(report.rows) / took,
    left);
}

void show_plan(std::span<const planned_move> moves, bool json) {
  if (json) {
    std::vector<moved_json> planned;
    for (const auto& move : moves)
      planned.push_back(
        {std::string{to_string(move.ref.fam)}, move.ref.shard, move.source, move.target, 0, 0});
    std::printf("%s\n", to_json(planned).c_str());
    return;
  }
  for (const auto& move : moves)
    std::printf("%-14s  %s -> %s\n", to_string(move.ref).c_str(), move.source.c_str(),
                move.target.c_str());
  std::printf("%zu shards would move\n", moves.size());
}

void show_summary(const moves_json& report, bool json) {
  if (json)
    std::printf("%s\n", to_json(report).c_str());
  else
    std::printf(
      "moved %zu of %lld shards, %lld rows, in %.1f s; every count and checksum agreed; the"
      " longest was away for %lld ms\n",
      report.moved.size(), static_cast<long long>(report.planned),
      static_cast<long long>(report.rows), report.seconds,
      static_cast<long long>(report.longest_away_ms));
}

result<void> move_all(shard_mover& mover, std::span<const planned_move> moves, moves_json& report) {
  const auto began = clock::now();
  auto settled = mover.settle();
  if (!settled) return std::unexpected(settled.error());
  for (const auto& ref : *settled)
    std::fprintf(stderr, "settled what an earlier mover left of %s\n", to_string(ref).c_str());
  for (const auto& move : moves) {
    if (interrupted) break;
    const auto moved = mover.move(move.ref, move.target);
    if (!moved) return std::unexpected(moved.error());
    report.rows += moved->rows;
    report.longest_away_ms = std::max<std::int64_t>(report.longest_away_ms, moved->away.count());
    report.moved.push_back({std::string{to_string(move.ref.fam)}, move.ref.shard, move.source,
                            move.target, moved->rows, moved->away.count()});
    report.seconds = seconds_since(began);
    show_progress(report, began);
  }
  return {};
}

} // namespace

std::vector<database_address> addresses_of(std::span<const known_database> databases) {
  std::vector<database_address> addresses;
  for (const auto& database : databases) addresses.push_back(database.address);
  return addresses;
}

exit_code run_moves(std::span<const known_database> databases, std::span<const planned_move> moves,
                    const move_options& options) {
  if (options.dry_run) {
    show_plan(moves, options.json);
    return exit_code::ok;
  }
  auto mover = shard_mover::start({.databases = addresses_of(databases),
                                   .name = "mover-" + to_string(make_uuid_v7()).substr(24),
                                   .host = host_name(),
                                   .build = std::string{version()}});
  if (!mover) return give_up(mover.error());
  std::signal(SIGINT, [](int) { interrupted = 1; });
  std::signal(SIGTERM, [](int) { interrupted = 1; });
  moves_json report;
  report.planned = static_cast<std::int64_t>(moves.size());
  const auto done = move_all(**mover, moves, report);
  show_summary(report, options.json);
  if (!done) return give_up(done.error());
  if (report.moved.size() < moves.size())
    return give_up(exit_code::temporary, "interrupted; the same command goes on from here");
  return exit_code::ok;
}

} // namespace troupe
