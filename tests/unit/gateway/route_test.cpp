#include "gateway/route.hpp"

#include <doctest/doctest.h>

#include <set>

#include "gateway/problem.hpp"

using namespace troupe;
using namespace troupe::gateway;
using http::method;

namespace {

route make_route(method verb, std::string_view path) {
  route made;
  made.verb = verb;
  made.path = path;
  return made;
}

} // namespace

TEST_CASE("a fixed segment wins over a parameter") {
  auto me = make_route(method::get, "/v1/players/me");
  auto one = make_route(method::get, "/v1/players/{player_id}");
  auto deep = make_route(method::put, "/v1/players/{player_id}/games/{game_id}");
  route_map map;
  for (const auto* each : {&one, &me, &deep}) map.add(*each);
  CHECK(map.find(method::get, "/v1/players/me").found == &me);
  auto found = map.find(method::get, "/v1/players/abc");
  CHECK(found.found == &one);
  CHECK(found.parameters[0] == "abc");
  auto both = map.find(method::put, "/v1/players/a/games/b");
  CHECK(both.found == &deep);
  CHECK(both.parameters[0] == "a");
  CHECK(both.parameters[1] == "b");
}

TEST_CASE("a wrong path and a wrong method are told apart") {
  auto get = make_route(method::get, "/v1/games");
  auto post = make_route(method::post, "/v1/games");
  route_map map;
  map.add(get);
  map.add(post);
  auto wrong = map.find(method::put, "/v1/games");
  CHECK(wrong.path_exists);
  CHECK(wrong.found == nullptr);
  CHECK(allow_field(wrong.methods) == "GET, HEAD, POST, OPTIONS");
  CHECK(map.find(method::head, "/v1/games").found == &get);
  CHECK(map.find(method::other, "/v1/games").found == nullptr);
  for (auto path : {"/v1", "/v1/games/", "/v1/games/x", "", "/", "v1/games", "//v1/games"})
    CHECK_FALSE(map.find(method::get, path).path_exists);
}

TEST_CASE("every route is complete") {
  std::set<std::string_view> ids;
  std::set<std::pair<method, std::string_view>> operations;
  for (const auto& each : all_routes()) {
    CAPTURE(each.path);
    CHECK(each.handle != nullptr);
    CHECK_FALSE(each.answers.empty());
    CHECK_FALSE(each.summary.empty());
    CHECK(ids.insert(each.id).second);
    CHECK(operations.insert({each.verb, each.path}).second);
    CHECK((each.takes == request_body::none) == (each.body == nullptr));
    CHECK_FALSE((each.paged && !each.query));
  }
}

TEST_CASE("only signing up, logging in and out, and events need no token") {
  std::set<std::string_view> open;
  for (const auto& each : all_routes())
    if (each.roles == nobody_in_particular) open.insert(each.id);
  CHECK(open == std::set<std::string_view>{"signUp", "createToken", "revokeToken", "searchEvents",
                                           "searchEventPages", "listEventHistory"});
}

TEST_CASE("every error has one problem with a type of its own") {
  std::set<std::string_view> slugs;
  for (int code = 1; code < 256; ++code) {
    auto name = to_string(static_cast<errc>(code));
    if (name == "unknown" || name == "none") continue;
    const auto& p = problem_of(static_cast<errc>(code));
    CAPTURE(name);
    CHECK(p.code == static_cast<errc>(code));
    std::string slug{name};
    for (char& c : slug)
      if (c == '_') c = '-';
    CHECK(p.slug == slug);
    CHECK(slugs.insert(p.slug).second);
    CHECK(find_problem(p.slug) == &p);
    CHECK(p.status >= 400);
    if (p.code != errc::internal) CHECK((p.status < 500 || p.status == 503));
  }
}

TEST_CASE("a problem names its fields and never breaks its JSON") {
  failure why{errc::invalid_field,
              "a \"quote\"",
              {{"/a\nb", "bad"}, {"?limit", "is less than 1"}},
              {}};
  std::string out;
  write_problem(out, why, "req-1");
  CHECK(out ==
        R"({"type":"/problems/invalid-field","title":"Invalid field","status":422,)"
        R"("detail":"a \"quote\"","instance":"req-1","errors":[{"pointer":"/a\nb","detail":"bad"},)"
        R"({"parameter":"limit","detail":"is less than 1"}]})");
}
