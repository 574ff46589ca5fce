#include "actors/player/registrations.hpp"

#include <algorithm>
#include <memory>
#include <tuple>
#include <unordered_map>

#include "actors/api/errors.hpp"

namespace troupe {

namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t max_page = 100;

std::chrono::milliseconds time_left(const call& c) {
  auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
    c.deadline - std::chrono::steady_clock::now());
  return std::max(left, 1ms);
}

auto place_of(const registration& r) { return std::tie(r.game_id, r.player_id); }

registered_players merge(std::vector<registrations>& parts, std::uint32_t limit) {
  std::vector<registration> all;
  for (auto& part : parts)
    all.insert(all.end(), std::make_move_iterator(part.items.begin()),
               std::make_move_iterator(part.items.end()));
  std::ranges::sort(all, [](const auto& a, const auto& b) { return place_of(a) < place_of(b); });
  // While a shard moves, two databases have its rows for a moment.
  const auto doubled = std::ranges::unique(
    all, [](const auto& a, const auto& b) { return place_of(a) == place_of(b); });
  all.erase(doubled.begin(), doubled.end());
  registered_players page;
  page.more = all.size() > limit;
  all.resize(std::min<std::size_t>(all.size(), limit));
  for (auto& r : all) page.items.push_back({r.game_id, r.player_id, std::move(r.player_name)});
  return page;
}

player_counts sum(const std::vector<counters>& parts, const std::vector<uuid>& game_ids) {
  std::unordered_map<uuid, std::int64_t> totals;
  for (const auto& part : parts)
    for (const auto& c : part.items) totals[c.game_id] += c.players;
  player_counts answer;
  answer.items.reserve(game_ids.size());
  for (const auto& id : game_ids) answer.items.push_back({id, totals[id]});
  return answer;
}

class gatherer {
public:
  gatherer(registrations_actor::pointer self, std::function<std::vector<database_reader>()> readers)
    : self_(self), readers_(std::move(readers)) {}

  /// Sends `question` to every database; `finish` makes the answer of all parts, in the order of the
  /// databases.
  template <class Part, class Answer, class Question, class Finish>
  caf::result<Answer> ask(const call& c, const Question& question, Finish finish) {
    struct gathering {
      std::vector<Part> parts;
      std::size_t missing;
      bool failed = false;
    };
    const auto readers = readers_();
    auto promise = self_->make_response_promise<Answer>();
    auto state = std::make_shared<gathering>(gathering{{}, readers.size()});
    state->parts.resize(readers.size());
    for (std::size_t i = 0; i < readers.size(); ++i) {
      auto fail_with = [state, promise](caf::error why) mutable {
        if (!std::exchange(state->failed, true)) promise.deliver(std::move(why));
      };
      auto credit = readers[i].reader_credits;
      if (!credit->try_take()) {
        fail_with(to_caf_error({errc::overloaded, {}, {}, 1}));
        break;
      }
      self_->request(readers[i].reader, time_left(c), question)
        .then(
          [state, promise, finish, i, credit](Part& part) mutable {
            credit->give_back();
            state->parts[i] = std::move(part);
            if (--state->missing == 0 && !state->failed) promise.deliver(finish(state->parts));
          },
          [fail_with, credit](caf::error& why) mutable {
            credit->give_back();
            fail_with(std::move(why));
          });
    }
    return promise;
  }

private:
  registrations_actor::pointer self_;
  std::function<std::vector<database_reader>()> readers_;
};

struct registrations_state {
  static inline const char* name = "registrations";
  std::unique_ptr<gatherer> databases;
};

registrations_actor::behavior_type registrations_behavior(
  registrations_actor::stateful_pointer<registrations_state> self,
  std::function<std::vector<database_reader>()> readers) {
  self->state.databases = std::make_unique<gatherer>(self, std::move(readers));
  auto& databases = *self->state.databases;
  return {
    [&databases](const call& c, const list_registered_players& m) {
      auto limit = std::clamp(m.limit, 1u, max_page);
      // One row more than asked for tells whether there is a next page.
      list_registrations question{m.game_ids, m.after, limit + 1};
      return databases.ask<registrations, registered_players>(
        c, question, [limit](std::vector<registrations>& parts) { return merge(parts, limit); });
    },
    [&databases](const call& c, const count_players& m) {
      return databases.ask<counters, player_counts>(
        c, sum_counters{m.game_ids},
        [ids = m.game_ids](std::vector<counters>& parts) { return sum(parts, ids); });
    },
  };
}

} // namespace

registrations_actor spawn_registrations(caf::actor_system& system,
                                        std::function<std::vector<database_reader>()> readers) {
  return system.spawn(registrations_behavior, std::move(readers));
}

} // namespace troupe
