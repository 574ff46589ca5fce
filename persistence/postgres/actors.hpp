#pragma once

#include <caf/all.hpp>
#include <memory>

#include "base/credits.hpp"
#include "persistence/ports.hpp"
#include "persistence/postgres/batch_reader.hpp"
#include "persistence/postgres/batch_writer.hpp"
#include "persistence/postgres/life.hpp"

// The actors around batch_writer and batch_reader, and the sweeper. Each is detached: it has a thread
// of its own, which blocks in its round trips. Spawned by database_set; the rest of the program knows
// writer_actor and reader_actor only.
//
// Mailboxes are drained: the first message of an idle lane makes it send itself `flush`, and all that
// came before the flush form the batch. While a batch commits, the next one gathers in the mailbox.
// The senders' credits bound it.

namespace troupe::postgres {

/// Besides its port: `flush` does the next step now, `tick` after a delay; `close` ends it when all
/// that came before is done.
using lane_actor =
  writer_actor::extend<caf::result<void>(caf::flush_atom), caf::result<void>(caf::tick_atom),
                       caf::result<void>(caf::close_atom)>;
using reading_actor =
  reader_actor::extend<caf::result<void>(caf::flush_atom), caf::result<void>(caf::tick_atom),
                       caf::result<void>(caf::close_atom)>;
/// Deletes old rows of one database's operation ledger, a bounded chunk at each `tick`.
using sweeper_actor =
  caf::typed_actor<caf::result<void>(caf::tick_atom), caf::result<void>(caf::close_atom)>;

/// What every one of these actors needs from its database_set, which it may outlive.
struct surroundings {
  std::shared_ptr<watchdog> dog;
  std::shared_ptr<running_actors> running;
  std::shared_ptr<link_health> health;
};

lane_actor spawn_lane(caf::actor_system& system, batch_writer::settings settings,
                      std::shared_ptr<writer_probe> probe, std::shared_ptr<credits> credit,
                      surroundings around);

reading_actor spawn_reader(caf::actor_system& system, batch_reader::settings settings,
                           std::shared_ptr<reader_probe> probe, std::shared_ptr<credits> credit,
                           surroundings around);

struct sweeper_settings {
  std::string dsn;
  std::string label;
  uuid incarnation;
  database_limits limits;
  database_placement placement = database_placement::postgres;
};

sweeper_actor spawn_sweeper(caf::actor_system& system, sweeper_settings settings,
                            surroundings around);

} // namespace troupe::postgres
