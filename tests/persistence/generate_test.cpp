#include "app/generate.hpp"

#include <doctest/doctest.h>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <sys/stat.h>
#include <unistd.h>

#include "app/generate_world.hpp"
#include "tests/persistence/postgres/test_database.hpp"

namespace {

using namespace troupe;
using troupe::test::test_database;

/// Two migrated databases, one on each of the test servers.
class fresh_databases {
public:
  fresh_databases() {
    const auto done = migrate_up(addresses_, test::test_shard_counts());
    REQUIRE_MESSAGE(done, done.error().detail);
  }

  const std::vector<database_address>& addresses() const noexcept { return addresses_; }

  pqxx::connection open(std::size_t which) const { return databases_[which].connect(); }

  /// The one value of a query, as text.
  std::string ask(std::size_t which, const std::string& sql) const {
    return databases_[which].query(sql).one_field().as<std::string>();
  }

private:
  test_database databases_[2]{
    test_database{test_database::content::empty, test_database::server::a},
    test_database{test_database::content::empty, test_database::server::b}};
  std::vector<database_address> addresses_{databases_[0].address("a"), databases_[1].address("b")};
};

/// A folder for the files, removed at the end.
struct scratch_folder {
  scratch_folder() {
    char pattern[] = "/tmp/troupe-generate-XXXXXX";
    REQUIRE(mkdtemp(pattern) != nullptr);
    path = pattern;
  }
  ~scratch_folder() { std::filesystem::remove_all(path); }
  std::filesystem::path path;
};

generate_options small(const scratch_folder& out, std::uint64_t seed = 7) {
  generate_options options;
  options.players = 2'000;
  options.studios = 6;
  options.seed = seed;
  options.out = out.path;
  options.password_ops_limit = 1;
  options.password_memory = 8'192;
  options.quiet = true;
  return options;
}

/// A digest of every row of a table, in the order of its columns; hashes of passwords left out.
std::string digest_of(const fresh_databases& db, std::size_t which, const std::string& table) {
  const auto columns = db.ask(
    which, "select string_agg(quote_ident(attname), ', ' order by attnum) from pg_attribute"
           " where attrelid = 'troupe." +
             table + "'::regclass and attnum > 0 and attname <> 'password_hash'");
  return db.ask(
    which,
    "select count(*) || ' ' || coalesce(md5(string_agg(row::text, '|' order by row::text)), '')"
    " from (select " +
      columns + " from troupe." + table + ") row");
}

std::string sum_over(const fresh_databases& db, const std::string& sql) {
  return std::to_string(std::stoll(db.ask(0, sql)) + std::stoll(db.ask(1, sql)));
}

constexpr const char* tables[] = {"player", "player_game", "game_counter", "directory_name",
                                  "studio", "game",        "staff"};

std::string text_of(const std::filesystem::path& path) {
  std::ifstream file{path};
  return {std::istreambuf_iterator<char>{file}, {}};
}

TEST_CASE("the same seed makes the same world, another seed another one") {
  scratch_folder out;
  fresh_databases first, again, other;
  const auto report = generate(first.addresses(), small(out));
  REQUIRE(report);
  const auto players_file = text_of(report->players_file);
  const auto users_file = text_of(report->users_file);
  const auto repeated = generate(again.addresses(), small(out));
  REQUIRE(repeated);
  CHECK(repeated->registrations == report->registrations);
  CHECK(text_of(report->players_file) == players_file);
  CHECK(text_of(report->users_file) == users_file);
  REQUIRE(generate(other.addresses(), small(out, 8)));
  for (const std::string table : tables)
    for (std::size_t which : {0u, 1u}) {
      CAPTURE(table);
      CAPTURE(which);
      const auto expected = digest_of(first, which, table);
      CHECK(digest_of(again, which, table) == expected);
      if (!expected.starts_with("0 ")) CHECK(digest_of(other, which, table) != expected);
    }
}

TEST_CASE("what is generated fits together") {
  scratch_folder out;
  fresh_databases db;
  const auto report = generate(db.addresses(), small(out));
  REQUIRE(report);
  CHECK(report->players == 2'000);
  CHECK(report->studios == 6);
  CHECK(sum_over(db, "select count(*) from troupe.player") == "2000");
  CHECK(sum_over(db, "select count(*) from troupe.player_game") ==
        std::to_string(report->registrations));
  CHECK(sum_over(db, "select count(*) from troupe.studio") == "6");
  CHECK(sum_over(db, "select count(*) from troupe.game") == std::to_string(report->games));
  CHECK(sum_over(db, "select count(*) from troupe.staff") == "8");
  // every name of a player or a user, confirmed
  CHECK(sum_over(db, "select count(*) from troupe.directory_name where state = 1") == "2008");
  for (std::size_t which : {0u, 1u}) {
    CAPTURE(which);
    CHECK(std::stoll(db.ask(which, "select count(*) from troupe.player")) >
          500); // spread over both
    CHECK(db.ask(which,
                 "select count(*) from (select shard_id, game_id, count(*) from troupe.player_game"
                 " group by 1, 2 except select * from troupe.game_counter) wrong") == "0");
    CHECK(db.ask(which, "select count(*) from (select * from troupe.game_counter except"
                        " select shard_id, game_id, count(*) from troupe.player_game group by 1, 2)"
                        " wrong") == "0");
    // rows are where the homes say, and their players exist
    const auto shards = db.ask(which,
                               "select string_agg(shard_id::text, ',') from troupe.shard_fence"
                               " where family = 'player'");
    CHECK(db.ask(which, "select count(*) from troupe.player where shard_id not in (" + shards +
                          ")") == "0");
    CHECK(db.ask(which, "select count(*) from troupe.player_game g where not exists"
                        " (select from troupe.player p where p.shard_id = g.shard_id"
                        " and p.player_id = g.player_id)") == "0");
    CHECK(db.ask(which, "select count(*) from troupe.shard_fence where epoch <> 1") == "0");
    CHECK(db.ask(which,
                 "select count(*) from pg_indexes where indexname = 'player_game_by_game'") == "1");
    CHECK(db.ask(which, "select to_regclass('troupe.generation') is null") == "t");
  }
  const auto players = text_of(report->players_file);
  CHECK(std::ranges::count(players, '\n') == 2'001);
  CHECK(players.starts_with("name,password\n"));
  const auto users = text_of(report->users_file);
  CHECK(std::ranges::count(users, '\n') == 9);
  CHECK(users.contains("\nowner,demo-password,publisher,\n"));
  CHECK(users.contains("\nadmin,demo-password,operator,\n"));
  struct stat status{};
  REQUIRE(stat(report->players_file.c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0600);
}

TEST_CASE("names of players are unique, also when case is ignored") {
  const generation::world world{3, 30'000, 1};
  std::set<std::string> seen;
  for (std::uint64_t n = 0; n < world.players(); ++n) {
    std::string name;
    world.append_name(n, name);
    CHECK_MESSAGE(name.size() <= 32, name);
    std::ranges::transform(name, name.begin(), [](unsigned char c) { return std::tolower(c); });
    REQUIRE_MESSAGE(seen.insert(name).second, name);
  }
}

TEST_CASE("a cluster that holds data is not touched") {
  scratch_folder out;
  fresh_databases db;
  REQUIRE(generate(db.addresses(), small(out)));
  const auto before = digest_of(db, 1, "player");
  const auto refused = generate(db.addresses(), small(out, 9));
  REQUIRE(!refused);
  CHECK(refused.error().code == errc::precondition_failed);
  CHECK(refused.error().detail.contains("holds data already"));
  CHECK(digest_of(db, 1, "player") == before);
}

TEST_CASE("nothing is generated while a server runs on one of the databases") {
  scratch_folder out;
  fresh_databases db;
  const std::string incarnation = "01890000-0000-7000-8000-000000000001";
  auto server = pqxx::connection{db.addresses()[1].dsn + " application_name=" + incarnation};
  pqxx::nontransaction{server}.exec("update troupe.shard_fence set owner = '" + incarnation +
                                    "', epoch = 1 where shard_id = (select min(shard_id) from"
                                    " troupe.shard_fence)");
  const auto refused = generate(db.addresses(), small(out));
  REQUIRE(!refused);
  CHECK(refused.error().code == errc::shard_unavailable);
  CHECK(refused.error().detail.contains("a server is running"));
  CHECK(!std::filesystem::exists(out.path / "players.csv"));

  // a server that has died does not matter
  server.close();
  CHECK(generate(db.addresses(), small(out)));
}

TEST_CASE("a run that fails leaves nothing behind") {
  scratch_folder out;
  fresh_databases db;
  // makes the last commit but one fail after the work is done
  auto link = db.open(1);
  pqxx::nontransaction{link}.exec(
    "create function troupe.refuse() returns trigger language plpgsql as $$ begin raise exception "
    "'no'; end $$;"
    "create constraint trigger refuse after insert on troupe.directory_name initially deferred"
    " for each row execute function troupe.refuse()");
  const auto failed = generate(db.addresses(), small(out));
  REQUIRE(!failed);
  CHECK(failed.error().code == errc::internal);
  for (std::size_t which : {0u, 1u}) {
    CHECK(db.ask(which, "select count(*) from troupe.player") == "0");
    CHECK(db.ask(which, "select to_regclass('troupe.generation') is null") == "t");
  }
  CHECK(std::filesystem::is_empty(out.path));
}

TEST_CASE("what an interrupted run has committed is removed by the next one") {
  scratch_folder out;
  fresh_databases db, whole;
  REQUIRE(generate(whole.addresses(), small(out)));
  REQUIRE(generate(db.addresses(), small(out, 5)));
  // as if the process had died after the first commit: the control database has nothing but the
  // mark
  const auto run = db.ask(1, "select min(owner::text) from troupe.shard_fence");
  auto control = db.open(0);
  pqxx::nontransaction{control}.exec(
    "truncate troupe.player, troupe.player_game, troupe.game_counter, troupe.directory_name,"
    " troupe.studio, troupe.game, troupe.staff;"
    "update troupe.shard_fence set owner = null, epoch = 0;"
    "create table troupe.generation (run uuid not null);"
    "insert into troupe.generation values ('" +
    run + "')");

  SUBCASE("when nobody has used it") {
    REQUIRE(generate(db.addresses(), small(out)));
    for (const std::string table : tables)
      CHECK(digest_of(db, 1, table) == digest_of(whole, 1, table));
  }
  SUBCASE("but not when a server has run on it since") {
    auto other = db.open(1);
    pqxx::nontransaction{other}.exec(
      "update troupe.shard_fence set epoch = epoch + 1, owner = null"
      " where shard_id = (select min(shard_id) from troupe.shard_fence)");
    const auto refused = generate(db.addresses(), small(out));
    REQUIRE(!refused);
    CHECK(refused.error().code == errc::precondition_failed);
    CHECK(db.ask(1, "select count(*) > 0 from troupe.player") == "t");
  }
}

TEST_CASE("options out of bounds are refused") {
  scratch_folder out;
  fresh_databases db;
  auto options = small(out);
  options.players = max_generated_players + 1;
  CHECK(generate(db.addresses(), options).error().code == errc::invalid_field);
  options = small(out);
  options.out = out.path / "missing";
  CHECK(generate(db.addresses(), options).error().code == errc::invalid_field);
}

} // namespace
