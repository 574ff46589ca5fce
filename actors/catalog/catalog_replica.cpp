#include "actors/catalog/catalog_replica.hpp"

#include <algorithm>
#include <caf/all.hpp>
#include <chrono>
#include <iterator>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "actors/api/errors.hpp"

namespace troupe {

namespace {

constexpr shard_ref the_catalog{family::catalog, 0};
/// Until the first reading has succeeded nobody may take this node's copy for the catalogue.
constexpr std::chrono::milliseconds first_retry{200};

struct replica_state {
  using promise = caf::typed_response_promise<void>;

  static inline const char* name = "catalog-replica";
  const database_set* databases = nullptr;
  const shard_board* board = nullptr;
  catalog_view* view = nullptr;
  std::optional<shard_storage> loading; ///< where a load is under way
  std::vector<promise> served;          ///< by that load
  std::vector<promise> waiting;         ///< for the next one
  bool paused = false;                  ///< until this node knows the catalogue's new home
};

using replica_pointer = catalog_replica_actor::stateful_pointer<replica_state>;

void answer(std::vector<replica_state::promise>& asked, const failure* why) {
  for (auto& promise : std::exchange(asked, {}))
    if (why)
      promise.deliver(to_caf_error(*why));
    else
      promise.deliver();
}

bool owner_publishes(const shard_board& board) {
  const auto state = board.at(the_catalog).state.load(std::memory_order_relaxed);
  return state == shard_state::loading || state == shard_state::active;
}

void look(replica_pointer self) {
  auto& state = self->state;
  if (state.loading || state.paused || state.waiting.empty()) return;
  if (owner_publishes(*state.board)) return answer(state.waiting, nullptr);
  auto storage = state.databases->at(the_catalog);
  if (!storage.reader_credits->try_take()) {
    const failure full{errc::overloaded, {}, {}, 1};
    if (!state.view->loaded()) self->delayed_send(self, first_retry, refresh_catalog{});
    return answer(state.waiting, &full);
  }
  state.served = std::exchange(state.waiting, {});
  caf::anon_send(storage.reader,
                 load_request{1, the_catalog, load_catalog{}, caf::actor_cast<shard_client>(self)});
  state.loading = std::move(storage);
}

void loaded(replica_pointer self, load_receipts& receipts) {
  auto& state = self->state;
  for (auto& receipt : receipts.items) {
    if (!state.loading) continue;
    std::exchange(state.loading, std::nullopt)->reader_credits->give_back();
    if (receipt.why.code != errc::none) {
      answer(state.served, &receipt.why);
      if (!state.view->loaded()) self->delayed_send(self, first_retry, refresh_catalog{});
      continue;
    }
    if (std::holds_alternative<std::monostate>(receipt.value)) {
      // It has moved to another database. This node learns of it in a moment, and who asked waits for that.
      std::ranges::move(std::exchange(state.served, {}), std::back_inserter(state.waiting));
      state.paused = true;
      self->run_delayed(first_retry, [self] {
        self->state.paused = false;
        look(self);
      });
      continue;
    }
    if (!owner_publishes(*state.board))
      if (auto* image = std::get_if<catalog_image>(&receipt.value))
        state.view->publish(std::make_shared<const catalog_snapshot>(std::move(*image)));
    answer(state.served, nullptr);
  }
  look(self);
}

catalog_replica_actor::behavior_type replica(replica_pointer self, const database_set* databases,
                                             const shard_board* board, catalog_view* view) {
  self->state.databases = databases;
  self->state.board = board;
  self->state.view = view;
  self->send(self, refresh_catalog{});
  return {
    [](write_receipts&) {},
    [](const acquire_receipt&) {},
    [](const tenure_lost&) {},
    [self](load_receipts& receipts) { loaded(self, receipts); },
    [self](refresh_catalog) -> caf::result<void> {
      auto promise = self->make_response_promise<void>();
      self->state.waiting.push_back(promise);
      look(self);
      return promise;
    },
  };
}

} // namespace

catalog_replica_actor spawn_catalog_replica(caf::actor_system& system,
                                            const database_set& databases, const shard_board& board,
                                            catalog_view& view) {
  return system.spawn(replica, &databases, &board, &view);
}

} // namespace troupe
