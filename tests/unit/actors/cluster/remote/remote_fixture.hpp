#pragma once

#include <doctest/doctest.h>

#include <boost/asio/io_context.hpp>
#include <caf/all.hpp>

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "actors/api/errors.hpp"
#include "actors/api/interfaces.hpp"
#include "actors/cluster/remote/owner_directory.hpp"
#include "actors/cluster/remote/transport.hpp"
#include "actors/cluster/shard_table.hpp"
#include "actors/message_types.hpp"
#include "base/msgpack.hpp"

namespace troupe::remote {

/// Keeps what would go to other nodes.
class paper_transport final : public transport {
public:
  struct letter {
    uuid node;
    item_kind kind;
    std::string head;
    std::string body;

    template <class Head>
    Head read() const {
      auto made = from_msgpack<Head>(head);
      REQUIRE(made);
      return *made;
    }
  };

  bool reachable(const uuid& node) const override { return links.contains(node); }
  sent send(const uuid& node, item_kind kind, std::string_view head,
            std::string_view body) override {
    if (!links.contains(node)) return sent::unreachable;
    if (full) return sent::overflow;
    letters.push_back({node, kind, std::string{head}, std::string{body}});
    return sent::queued;
  }

  std::set<uuid> links;
  bool full = false;
  std::vector<letter> letters;
};

/// One node without links: real actors, an io_context that the test runs, a shard actor that answers reads
/// of players as it is told to.
struct remote_fixture {
  static constexpr std::array<std::uint32_t, families.size()> counts{1, 4, 1};

  struct shard_script {
    errc refuses = errc::none;
    bool silent = false;
    std::vector<call> heard;
  };

  remote_fixture() {
    static const bool registered = (register_message_types(), true);
    static_cast<void>(registered);
    config.set("caf.scheduler.max-threads", std::size_t{1});
    system.emplace(config);
    shard = system->spawn(
      [this](caf::stateful_actor<std::vector<caf::typed_response_promise<player_profile>>>* actor) {
        return caf::behavior{
          [this, actor](const call& c, const read_player& m) -> caf::result<player_profile> {
            std::scoped_lock lock{mutex};
            script.heard.push_back(c);
            if (script.silent) {
              auto kept = actor->make_response_promise<player_profile>();
              actor->state.push_back(kept);
              return kept;
            }
            if (script.refuses != errc::none) return to_caf_error({script.refuses, {}, {}, {}});
            return player_profile{m.id, "Ann", {}, 1};
          },
        };
      });
  }
  ~remote_fixture() {
    table.clear();
    // What is still on its way to it must not find a fixture that is gone.
    caf::scoped_actor ending{*system};
    ending->send_exit(shard, caf::exit_reason::kill);
    ending->wait_for(shard);
    shard = nullptr;
  }

  void own_here(shard_ref ref, std::int64_t epoch) {
    table.place(ref, caf::actor_cast<caf::strong_actor_ptr>(shard));
    board.at(ref).state = shard_state::active;
    board.at(ref).epoch = epoch;
    owners.own(ref, epoch, self);
  }

  static call call_within(std::chrono::milliseconds left) {
    call c;
    c.op_id = make_uuid_v7();
    c.deadline = std::chrono::steady_clock::now() + left;
    return c;
  }

  /// Runs what comes until `reached`, at most half a minute.
  template <class Condition>
  void run_until(Condition reached) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{30};
    while (!reached() && std::chrono::steady_clock::now() < deadline) {
      if (io.stopped()) io.restart();
      io.run_one_for(std::chrono::milliseconds{5});
    }
    REQUIRE(reached());
  }

  std::size_t heard() {
    std::scoped_lock lock{mutex};
    return script.heard.size();
  }

  caf::actor_system_config config;
  std::optional<caf::actor_system> system;
  boost::asio::io_context io{1};
  uuid self = make_uuid_v7();
  shard_board board{counts};
  shard_table table{counts, board};
  owner_directory owners;
  paper_transport way;
  std::mutex mutex;
  shard_script script; ///< under `mutex` while actors run
  caf::actor shard;
};

} // namespace troupe::remote
