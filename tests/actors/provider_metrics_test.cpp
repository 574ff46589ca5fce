#define CAF_SUITE provider_metrics

#include "tests/actors/provider_fixture.hpp"

#include <algorithm>
#include <cmath>
#include <prometheus/text_serializer.h>
#include <sstream>

// What metrics tell of a provider, and on which node.

using namespace troupe;
using namespace troupe::test;

namespace {

struct fixture : provider_fixture {
  /// The lines of the exposition that name that provider.
  std::vector<std::string> lines_of(const std::string& provider) const {
    std::vector<std::string> found;
    std::istringstream text{prometheus::TextSerializer{}.Serialize(metrics.Collect())};
    for (std::string line; std::getline(text, line);)
      if (line.contains("provider=\"" + provider + '"')) found.push_back(line);
    return found;
  }

  /// How often a line with these words is there; the last word of it, as a number.
  std::optional<double> value(std::initializer_list<std::string_view> words) const {
    std::optional<double> found;
    for (const auto& line : lines_of("Acme"))
      if (std::ranges::all_of(words, [&](auto word) { return line.contains(word); })) {
        CAF_REQUIRE(!found);
        found = std::stod(line.substr(line.rfind(' ')));
      }
    return found;
  }
  std::optional<double> success() const {
    return value({"troupe_provider_success_timestamp_seconds"});
  }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(provider_metrics_tests, fixture)

CAF_TEST(fetches are counted by how they ended) {
  const auto id = create_fetched(300s);
  CAF_CHECK(!success());
  stored(fetches[0], {event("1"), event("2")});
  end_fetch how;
  how.events = 2;
  how.changed = 2;
  say<seen_answer>(fetches[0], how);
  CAF_CHECK_EQUAL(value({"fetches_total", "outcome=\"ok\"", to_string(id)}).value_or(0), 1);
  CAF_CHECK_EQUAL(value({"events_total", "what=\"seen\""}).value_or(0), 2);
  CAF_CHECK_EQUAL(value({"events_total", "what=\"changed\""}).value_or(0), 2);
  CAF_CHECK(success().value_or(0) > 1e9);
  const auto succeeded = success();
  join(id);
  end(fetches[1], "connect");
  join(id);
  end(fetches[2], "connect");
  CAF_CHECK_EQUAL(value({"fetches_total", "outcome=\"connect\""}).value_or(0), 2);
  CAF_CHECK_EQUAL(value({"fetches_total", "outcome=\"ok\""}).value_or(0), 1);
  CAF_CHECK(success() == succeeded);
}

CAF_TEST(who gives the shard away tells of its providers no more) {
  create_fetched(300s);
  end(fetches[0]);
  CAF_REQUIRE(success());
  auto released = release();
  CAF_REQUIRE(released->value);
  CAF_CHECK(lines_of("Acme").empty());
  look();
  CAF_CHECK(lines_of("Acme").empty());
}

CAF_TEST(who loses the shard tells of its providers no more whatever a fetch still says) {
  const auto id = create_fetched(300s);
  end(fetches[0]);
  join(id);
  take_away();
  store(fetches[1], {event("1")});
  CAF_REQUIRE_EQUAL(entry.state.load(), shard_state::fenced);
  end(fetches[1]);
  look();
  CAF_CHECK(lines_of("Acme").empty());
}

CAF_TEST(a new owner tells how old events are before it has fetched any) {
  create_fetched(24h);
  end(fetches[0]);
  const auto told = success();
  CAF_REQUIRE(told);
  release();
  CAF_REQUIRE(!success());
  serve();
  look();
  CAF_CHECK_EQUAL(fetches.size(), 1u);
  CAF_REQUIRE(success());
  CAF_CHECK(std::abs(*success() - *told) < 60);
}

CAF_TEST(of a provider that is deleted metrics tell no more though a fetch runs) {
  const auto id = create_fetched(300s);
  end(fetches[0]);
  join(id);
  remove(id);
  look();
  CAF_CHECK(lines_of("Acme").empty());
  end(fetches[1]);
  look();
  CAF_CHECK(lines_of("Acme").empty());
}

CAF_TEST(a provider that is renamed has its new name alone) {
  const auto id = create_fetched(300s);
  end(fetches[0]);
  change_provider renamed;
  renamed.id = id;
  renamed.name = "Globex";
  CAF_REQUIRE(ask<seen_answer>(providers, fresh_call(), renamed).value);
  look();
  CAF_CHECK(lines_of("Acme").empty());
  CAF_CHECK_EQUAL(lines_of("Globex").size(), 1u); // when a fetch last succeeded
}

CAF_TEST_FIXTURE_SCOPE_END()
