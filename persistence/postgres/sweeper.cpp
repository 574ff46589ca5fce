#include <array>
#include <charconv>
#include <utility>

#include "base/log.hpp"
#include "persistence/postgres/actors.hpp"
#include "persistence/postgres/ledger.hpp"
#include "persistence/postgres/statements.hpp"

namespace troupe::postgres {

namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t chunk = 5'000; ///< rows deleted in one transaction
constexpr auto pause = 10min;          ///< between two sweeps
constexpr auto breath = 200ms;         ///< between two chunks of one

struct sweeper_state {
  static inline const char* name = "sweeper";

  std::optional<running_actors::presence> presence; // first: leaves when all else is gone
  surroundings around;
  sweeper_settings settings;
  std::optional<connection> database;
};

using sweeper_pointer = sweeper_actor::stateful_pointer<sweeper_state>;

/// Deletes a chunk and says when to go on. The connection is there for the time of a sweep only.
std::chrono::milliseconds sweep(sweeper_state& state) {
  auto& database = *state.database;
  if (!database.is_open() && !database.open()) return pause; // the lanes log that it is away
  const auto swept = sweep_operations(database, state.settings.limits.operation_retention, chunk,
                                      state.settings.placement);
  if (!swept)
    log::warn("sweeper", "sweep_failed",
              {{"database", state.settings.label}, {"why", swept.error().message}});
  if (swept && *swept > 0)
    log::debug("sweeper", "swept", {{"database", state.settings.label}, {"rows", *swept}});
  if (swept && *swept == chunk) return breath;
  database.close();
  return pause;
}

sweeper_actor::behavior_type sweeper(sweeper_pointer self, sweeper_settings settings,
                                     surroundings around) {
  auto& state = self->state;
  state.presence.emplace(around.running);
  dial_options options;
  options.application_name = to_string(settings.incarnation);
  options.connect_timeout = std::chrono::ceil<std::chrono::seconds>(
    settings.limits.connect_timeout);
  options.statement_timeout = settings.limits.statement_timeout;
  if (settings.placement == database_placement::postgres)
    options.planner = {{"enable_seqscan", "off"}, {"enable_hashjoin", "off"}};
  state.database.emplace(settings.dsn, std::move(options), settings.limits.round_trip_timeout,
                         *around.dog, settings.placement);
  state.settings = std::move(settings);
  state.around = std::move(around);
  self->delayed_send(self, pause, caf::tick_atom_v);
  return {
    [self](caf::tick_atom) { self->delayed_send(self, sweep(self->state), caf::tick_atom_v); },
    [self](caf::close_atom) { self->quit(); },
  };
}

} // namespace

std::expected<std::uint64_t, sql_failure> sweep_operations(connection& database,
                                                           std::chrono::seconds retention,
                                                           std::uint32_t at_most,
                                                           database_placement placement) {
  const bool everything = placement == database_placement::citus;
  std::array calls{call{everything ? &sql::sweep_all_operations : &sql::sweep_operations, {}}};
  calls[0].arguments.add(static_cast<std::int64_t>(retention.count()));
  if (!everything) calls[0].arguments.add(static_cast<std::int32_t>(at_most));
  const auto done = database.run(calls);
  if (!done) return std::unexpected(done.error());
  const auto tag = done->front().command_tag(); // DELETE n
  std::uint64_t count = 0;
  if (const auto space = tag.find(' '); space != tag.npos)
    std::from_chars(tag.data() + space + 1, tag.data() + tag.size(), count);
  return count;
}

sweeper_actor spawn_sweeper(caf::actor_system& system, sweeper_settings settings,
                            surroundings around) {
  return system.spawn<caf::detached>(sweeper, std::move(settings), std::move(around));
}

} // namespace troupe::postgres
