#include "app/drill/load.hpp"

#include <algorithm>
#include <random>
#include <utility>

#include "base/json.hpp"
#include "gateway/routes/views.hpp"

namespace troupe::drill {

namespace views = gateway::views;
using namespace std::chrono_literals;
using verb = http_client::verb;

namespace {

constexpr auto answer_limit = 8'000ms; ///< the servers' own deadline is 5 s
constexpr auto in_flight_pause = 100ms;
constexpr auto readiness_interval = 50ms;
constexpr auto readiness_limit = 1'000ms;
constexpr std::string_view password = "drill password";
constexpr std::size_t nobody = SIZE_MAX;

struct sign_up_body {
  std::string name;
  std::string password;
};

} // namespace

struct load::client {
  std::size_t number = 0;
  std::minstd_rand random;
  std::vector<std::optional<http_client>> connections; ///< by gateway
  std::vector<operation> history;
  std::uint64_t keys = 0;
  std::thread thread;
};

load::load(const cluster_file& cluster, load_settings wanted)
  : cluster_(cluster), settings_(wanted), run_(to_string(make_uuid_v7()).substr(24)) {
  for (const auto& node : cluster_.nodes)
    if (!node.url.empty()) gateways_.push_back(node);
  ready_ = std::make_unique<std::atomic<bool>[]>(gateways_.size());
  for (std::size_t i = 0; i < gateways_.size(); ++i) ready_[i] = true;
}

load::~load() {
  ending_ = true;
  for (auto& one : clients_)
    if (one->thread.joinable()) one->thread.join();
  if (watching_.joinable()) watching_.join();
}

result<void> load::prepare() {
  if (gateways_.empty()) return fail(errc::invalid_field, "no node of the cluster is a gateway");
  auto connection = http_client::make(gateways_.front().url);
  if (!connection) return std::unexpected(connection.error());
  auto ask = [&](http_client::request what, unsigned wanted) -> result<std::string> {
    auto answer = connection->send(what, answer_limit);
    if (!answer) return fail(errc::internal, what.target + ": " + answer.error().why);
    if (answer->status != wanted)
      return fail(errc::internal,
                  what.target + " answers " + std::to_string(answer->status) + ": " + answer->body);
    return std::move(answer->body);
  };
  for (std::uint32_t i = 0; i < settings_.players; ++i) {
    const auto name = "drill-" + run_ + "-" + std::to_string(i);
    auto made = ask({.method = verb::post,
                     .target = "/v1/players",
                     .body = to_json(sign_up_body{name, std::string{password}})},
                    201);
    if (!made) return std::unexpected(made.error());
    auto player = from_json<views::player>(*made);
    auto tokens = ask({.method = verb::post,
                       .target = "/v1/auth/token",
                       .body = "grant_type=password&username=" + name + "&password=drill+password",
                       .content_type = "application/x-www-form-urlencoded"},
                      200);
    if (!tokens) return std::unexpected(tokens.error());
    auto pair = from_json<views::token_pair>(*tokens);
    if (!player || !pair) return fail(errc::internal, "an answer has another form");
    players_.push_back({player->id, name, pair->access_token});
  }
  auto page = ask({.target = "/v1/games?limit=" + std::to_string(settings_.games + 1),
                   .token = players_.front().token},
                  200);
  if (!page) return std::unexpected(page.error());
  auto games = from_json<views::game_page>(*page);
  if (!games || games->items.size() <= settings_.games)
    return fail(errc::internal, "the catalogue has too few games; `troupe generate` makes some");
  for (const auto& game : games->items) games_.push_back(game.id);
  spare_game_ = games_.back();
  games_.pop_back();
  return {};
}

void load::start() {
  watching_ = std::thread{[this] { watch_readiness(); }};
  for (std::uint32_t i = 0; i < settings_.clients; ++i) {
    auto& one = clients_.emplace_back(std::make_unique<client>());
    one->number = i;
    one->random.seed(i + 1);
    one->connections.resize(gateways_.size());
    one->thread = std::thread{[this, self = one.get()] { act(*self); }};
  }
}

void load::watch_readiness() {
  std::vector<std::optional<http_client>> ports(gateways_.size());
  while (!ending_) {
    for (std::size_t i = 0; i < gateways_.size() && !ending_; ++i) {
      if (!ports[i])
        if (auto made = http_client::make(gateways_[i].admin_url))
          ports[i].emplace(std::move(*made));
      auto answer = ports[i] ? ports[i]->send({.target = "/readyz"}, readiness_limit)
                             : std::unexpected(no_answer{});
      ready_[i] = answer && answer->status == 200;
    }
    std::this_thread::sleep_for(readiness_interval);
  }
}

std::size_t load::choose_gateway(client& self, std::size_t not_this) const {
  std::vector<std::size_t> usable;
  for (std::size_t i = 0; i < gateways_.size(); ++i)
    if (ready_[i] && i != not_this) usable.push_back(i);
  if (usable.empty())
    for (std::size_t i = 0; i < gateways_.size(); ++i)
      if (i != not_this || gateways_.size() == 1) usable.push_back(i);
  return usable[self.random() % usable.size()];
}

void load::act(client& self) {
  const auto pace = std::chrono::duration_cast<clock::duration>(
    std::chrono::duration<double>(static_cast<double>(settings_.clients) / settings_.rate));
  auto next = clock::now() +
              pace * static_cast<int>(self.number) / static_cast<int>(settings_.clients);
  while (!ending_) {
    std::this_thread::sleep_until(next);
    if (ending_) return;
    auto one = draw(self);
    carry_out(self, one);
    self.history.push_back(std::move(one));
    ++done_;
    // Who falls behind does not make up for it in one burst.
    next = std::max<clock::time_point>(next + pace, clock::now() - pace);
  }
}

operation load::draw(client& self) {
  operation one;
  one.player = self.random() % players_.size();
  one.game = self.random() % games_.size();
  const auto drawn = self.random() % 1'000;
  if (drawn < 7) { // few: each costs a password's hash
    one.what = action::sign_up;
    one.name = "drill-" + run_ + "-" + std::to_string(self.number) + "-" +
               std::to_string(self.keys);
  } else if (drawn < 300) {
    one.what = action::put_game;
  } else if (drawn < 550) {
    one.what = action::remove_game;
  } else if (drawn < 850) {
    one.what = action::read_library;
  } else {
    one.what = action::read_profile;
  }
  if (one.what != action::read_library && one.what != action::read_profile)
    one.key = run_ + "-" + std::to_string(self.number) + "-" + std::to_string(self.keys++);
  return one;
}

void load::carry_out(client& self, operation& one) {
  http_client::request request;
  const auto& player = players_[one.player];
  if (one.what != action::sign_up) request.token = player.token;
  request.key = one.key;
  switch (one.what) {
    case action::sign_up:
      request.method = verb::post;
      request.target = "/v1/players";
      request.body = to_json(sign_up_body{one.name, std::string{password}});
      break;
    case action::put_game:
    case action::remove_game:
      request.method = one.what == action::put_game ? verb::put : verb::delete_;
      request.target = "/v1/players/me/games/" + to_string(games_[one.game]);
      break;
    case action::read_library: request.target = "/v1/players/me/games?limit=100"; break;
    case action::read_profile: request.target = "/v1/players/me"; break;
  }

  one.began = clock::now();
  std::expected<http_answer, no_answer> answer = std::unexpected(no_answer{});
  std::size_t gateway = nobody;
  for (int attempt = 0; attempt < 2; ++attempt) {
    gateway = choose_gateway(self, gateway);
    one.second_attempt = attempt > 0;
    auto& connection = self.connections[gateway];
    if (!connection) connection.emplace(std::move(*http_client::make(gateways_[gateway].url)));
    answer = connection->send(request, answer_limit);
    // Its first attempt is still at work somewhere: a client waits and asks again.
    const auto patience = clock::now() + answer_limit;
    while (answer && answer->status == 409 && one.second_attempt && clock::now() < patience) {
      std::this_thread::sleep_for(in_flight_pause);
      answer = connection->send(request, answer_limit);
    }
    if (answer || answer.error().began) break;
  }
  one.ended = clock::now();

  one.status = answer ? answer->status : 0;
  const auto status = one.status;
  if (status >= 200 && status < 300) {
    one.end = ending::ok;
    one.created = status == 201;
    if (one.what == action::read_library) {
      auto page = from_json<views::library_page>(answer->body);
      one.library.assign(games_.size(), false);
      if (!page)
        one.end = ending::unknown;
      else
        for (const auto& entry : page->items)
          if (auto at = std::ranges::find(games_, entry.game.id); at != games_.end())
            one.library[static_cast<std::size_t>(at - games_.begin())] = true;
    }
  } else {
    // A refusal by the domain was carried out to its end; anything else may have been, half. So may
    // a first attempt that had no answer, whatever the second one was told.
    const bool refused = status >= 400 && status < 500 && status != 409;
    one.end = refused && !one.second_attempt ? ending::failed : ending::unknown;
  }
}

std::vector<operation> load::finish() {
  ending_ = true;
  for (auto& one : clients_) one->thread.join();
  watching_.join();
  std::vector<operation> all;
  for (auto& one : clients_)
    all.insert(all.end(), std::make_move_iterator(one->history.begin()),
               std::make_move_iterator(one->history.end()));
  // What is there in the end counts as read by one more client.
  client last;
  last.connections.resize(gateways_.size());
  for (std::size_t player = 0; player < players_.size(); ++player) {
    operation one;
    one.what = action::read_library;
    one.player = player;
    carry_out(last, one);
    all.push_back(std::move(one));
  }
  clients_.clear();
  return all;
}

} // namespace troupe::drill
