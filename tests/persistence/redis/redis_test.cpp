#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <doctest/doctest.h>
#include <map>
#include <mutex>
#include <netinet/in.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <set>

#include "persistence/redis/actors.hpp"
#include "persistence/redis/codec.hpp"
#include "tests/persistence/caf_types.hpp"
#include "tests/persistence/redis/redis_server.hpp"

using namespace troupe;
using namespace troupe::test;
using namespace std::chrono_literals;

namespace {

/// What actors of the test heard, for the test's thread. Waits are bounded, and end as soon as may
/// be.
class ear {
public:
  void hear(redis_receipts receipts) {
    const std::scoped_lock lock{mutex_};
    for (auto& receipt : receipts.items) receipts_[receipt.ticket] = std::move(receipt);
    changed_.notify_all();
  }
  void hear(const revocations_heard& heard) {
    const std::scoped_lock lock{mutex_};
    revoked_.insert(heard.session_ids.begin(), heard.session_ids.end());
    changed_.notify_all();
  }
  void hear_restored() {
    const std::scoped_lock lock{mutex_};
    ++restored_;
    changed_.notify_all();
  }

  redis_receipt receipt(std::uint64_t ticket) {
    std::unique_lock lock{mutex_};
    REQUIRE(changed_.wait_for(lock, 10s, [&] { return receipts_.contains(ticket); }));
    return receipts_[ticket];
  }
  void wait_revoked(const uuid& id) {
    std::unique_lock lock{mutex_};
    REQUIRE(changed_.wait_for(lock, 10s, [&] { return revoked_.contains(id); }));
  }
  void wait_restored(int times) {
    std::unique_lock lock{mutex_};
    REQUIRE(changed_.wait_for(lock, 20s, [&] { return restored_ >= times; }));
  }

private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::uint64_t, redis_receipt> receipts_;
  std::set<uuid> revoked_;
  int restored_ = 0;
};

/// One node's Redis actors.
class node {
public:
  explicit node(redis_address address) {
    setup_.address = std::move(address);
    setup_.timeout = 200ms;
    setup_.shortest_pause = 5ms;
    setup_.longest_pause = 50ms;
    setup_.probe = std::make_shared<redis_probe>(metrics);
    client_ = system_.spawn(
      [](redis_client::pointer, std::shared_ptr<ear> out) -> redis_client::behavior_type {
        return {[out](redis_receipts& receipts) { out->hear(std::move(receipts)); }};
      },
      ear_);
    redis_ = spawn_redis(system_, setup_);
  }
  ~node() {
    for (const auto& actor : extra_) caf::anon_send_exit(actor, caf::exit_reason::user_shutdown);
    caf::anon_send_exit(redis_, caf::exit_reason::user_shutdown);
    caf::anon_send_exit(client_, caf::exit_reason::user_shutdown);
  }

  void listen() {
    auto listener = system_.spawn(
      [](revocation_listener::pointer,
         std::shared_ptr<ear> out) -> revocation_listener::behavior_type {
        return {[out](const revocations_heard& heard) { out->hear(heard); },
                [out](const revocation_feed_restored&) { out->hear_restored(); }};
      },
      ear_);
    extra_.push_back(caf::actor_cast<caf::actor>(listener));
    spawn_revocation_feed(system_, setup_, listener); // ends with its listener
  }

  std::uint64_t send(redis_operation operation) {
    caf::anon_send(redis_, redis_request{++last_, std::move(operation), client_});
    return last_;
  }
  redis_receipt ask(redis_operation operation) { return ear_->receipt(send(std::move(operation))); }
  template <class Answer>
  Answer get(redis_operation operation) {
    auto receipt = ask(std::move(operation));
    REQUIRE(receipt.why.code == errc::none);
    REQUIRE(std::holds_alternative<Answer>(receipt.answer));
    return std::get<Answer>(receipt.answer);
  }

  /// Waits for a state that the actor reaches by itself.
  template <class Condition>
  void wait(Condition condition) {
    const auto deadline = std::chrono::steady_clock::now() + 20s;
    while (!condition()) {
      REQUIRE(std::chrono::steady_clock::now() < deadline);
      poll(nullptr, 0, 2);
    }
  }
  void wait_up() {
    wait([this] { return setup_.status->up(); });
  }
  void wait_down() {
    wait([this] { return !setup_.status->up(); });
  }

  double metric(const std::string& name) {
    double sum = 0;
    for (const auto& family : metrics.Collect())
      if (family.name == name)
        for (const auto& it : family.metric)
          sum += it.counter.value + static_cast<double>(it.histogram.sample_count);
    return sum;
  }

  redis_status& status() { return *setup_.status; }
  ear& heard() { return *ear_; }

private:
  static caf::actor_system_config& config() {
    register_types();
    static caf::actor_system_config it;
    it.set("caf.scheduler.max-threads", 1);
    return it;
  }

  metric_registry metrics;
  redis_setup setup_;
  std::shared_ptr<ear> ear_ = std::make_shared<ear>();
  caf::actor_system system_{config()};
  redis_client client_;
  redis_actor redis_;
  std::vector<caf::actor> extra_;
  std::uint64_t last_ = 0;
};

redis_address at(const redis_server& server) { return {.socket_path = server.socket_path()}; }

lock_rule rule_for(const lock_subject& subject) {
  return {.subject = subject,
          .attempts = 3,
          .window = 10min,
          .lock_time = 60s,
          .longest = 3min,
          .memory = 24h};
}

lock_subject any_subject() {
  lock_subject subject;
  subject = make_uuid_v7().bytes;
  return subject;
}

bool about(std::chrono::milliseconds left, std::chrono::milliseconds expected) {
  return left <= expected && left > expected - 10s;
}

} // namespace

TEST_CASE("lock-outs are counted and kept by Redis for all nodes") {
  redis_server server;
  node a{at(server)};
  node b{at(server)};
  a.wait_up();
  b.wait_up();
  const auto guessed = any_subject();
  const auto other = any_subject();
  CHECK(a.get<lock_left>(count_failure{{rule_for(guessed)}}).time == 0ms);
  CHECK(b.get<lock_left>(count_failure{{rule_for(guessed)}}).time == 0ms);
  CHECK(a.get<lock_left>(read_locks{{guessed, other}}).time == 0ms);
  CHECK(about(a.get<lock_left>(count_failure{{rule_for(guessed), rule_for(other)}}).time, 60s));
  CHECK(about(b.get<lock_left>(read_locks{{other, guessed}}).time, 60s));
  CHECK(b.get<lock_left>(read_locks{{other}}).time == 0ms);
  CHECK(b.get<lock_left>(read_locks{}).time == 0ms);

  // A success forgives the two failures of the second round.
  a.get<lock_left>(count_failure{{rule_for(other)}});
  a.get<redis_done>(clear_failures{other});
  CHECK(a.get<lock_left>(count_failure{{rule_for(other)}}).time == 0ms);
}

TEST_CASE("locks kept by Redis grow, up to a bound") {
  redis_server server;
  node a{at(server)};
  a.wait_up();
  const auto subject = any_subject();
  auto rule = rule_for(subject);
  rule.attempts = 1;
  for (const auto expected : {60s, 120s, 180s, 180s})
    CHECK(about(a.get<lock_left>(count_failure{{rule}}).time, expected));
}

TEST_CASE("revocations reach other nodes at once and those that start later") {
  redis_server server;
  node a{at(server)};
  node b{at(server)};
  b.listen();
  a.wait_up();
  b.heard().wait_restored(1);
  CHECK(b.status().hears_revocations());
  const std::vector<uuid> ids{make_uuid_v7(), make_uuid_v7(), make_uuid_v7()};
  a.get<redis_done>(share_revocations{ids, 15min});
  for (const auto& id : ids) b.heard().wait_revoked(id);

  node late{at(server)};
  late.wait_up();
  const auto found = late.get<shared_revocations>(load_revocations{});
  CHECK(found.items.size() == 3);
  for (const auto& [id, left] : found.items) {
    CHECK(std::ranges::contains(ids, id));
    CHECK(about(left, 15min));
  }
}

TEST_CASE("revocations that do not count any more are not loaded") {
  redis_server server;
  node a{at(server)};
  a.wait_up();
  a.get<redis_done>(share_revocations{{make_uuid_v7()}, 1ms});
  const auto lasting = make_uuid_v7();
  a.get<redis_done>(share_revocations{{lasting}, 15min});
  a.wait([&] {
    const auto found = a.get<shared_revocations>(load_revocations{});
    return found.items.size() == 1 && found.items[0].first == lasting;
  });
}

TEST_CASE("usage adds up over nodes") {
  redis_server server;
  node a{at(server)};
  node b{at(server)};
  a.wait_up();
  b.wait_up();
  using totals = std::vector<std::uint64_t>;
  CHECK(a.get<usage_totals>(add_usage{{{"p:x", 5}, {"a:y", 7}}}).totals == totals{5, 7});
  CHECK(b.get<usage_totals>(add_usage{{{"a:y", 1}, {"p:x", 2}}}).totals == totals{8, 7});
  CHECK(b.get<usage_totals>(add_usage{}).totals.empty());
}

TEST_CASE("responses are kept as they are, for their time") {
  redis_server server;
  node a{at(server)};
  a.wait_up();
  const auto op = make_uuid_v7();
  const std::string bytes{"\0\xff\r\n$-1\r\n any bytes", 20};
  CHECK_FALSE(a.get<kept_response>(fetch_response{op}).bytes);
  a.get<redis_done>(store_response{op, bytes, 24h});
  CHECK(a.get<kept_response>(fetch_response{op}).bytes == bytes);
  const auto brief = make_uuid_v7();
  a.get<redis_done>(store_response{brief, bytes, 1ms});
  a.wait([&] { return !a.get<kept_response>(fetch_response{brief}).bytes; });
}

TEST_CASE("many requests share a round trip, and each gets its own answer") {
  redis_server server;
  node a{at(server)};
  a.wait_up();
  std::vector<uuid> ops(500);
  std::uint64_t last = 0;
  for (auto& op : ops) {
    op = make_uuid_v7();
    last = a.send(store_response{op, to_string(op), 1min});
  }
  CHECK(a.heard().receipt(last).why.code == errc::none);
  const auto round_trips = a.metric("troupe_redis_batch_size");
  MESSAGE("500 writes in ", round_trips, " round trips");
  CHECK(round_trips < 250);
  for (const auto& op : ops) CHECK(a.get<kept_response>(fetch_response{op}).bytes == to_string(op));
}

TEST_CASE("without Redis every request is answered at once, and after its return all is well") {
  redis_server server;
  node a{at(server)};
  a.listen();
  a.wait_up();
  a.heard().wait_restored(1);
  const auto op = make_uuid_v7();
  a.get<redis_done>(store_response{op, "kept", 1min});

  server.stop();
  for (int i = 0; i < 100; ++i) {
    const auto began = std::chrono::steady_clock::now();
    CHECK(a.ask(fetch_response{op}).why.code == errc::storage_unavailable);
    CHECK(std::chrono::steady_clock::now() - began < 1s);
  }
  a.wait_down();
  a.wait([&] { return !a.status().hears_revocations(); });
  CHECK(a.metric("troupe_redis_errors_total") >= 100);

  server.start();
  a.wait_up();
  CHECK_FALSE(a.get<kept_response>(fetch_response{op}).bytes); // Redis has forgotten; nobody minds
  a.get<redis_done>(store_response{op, "again", 1min});
  a.get<lock_left>(count_failure{{rule_for(any_subject())}}); // the scripts are there again
  a.heard().wait_restored(2);
}

TEST_CASE("Redis killed under load: every request gets exactly one receipt") {
  redis_server server;
  node a{at(server)};
  a.wait_up();
  std::vector<std::uint64_t> tickets;
  for (int i = 0; i < 3'000; ++i) {
    tickets.push_back(a.send(store_response{make_uuid_v7(), std::string(500, 'x'), 1min}));
    if (i == 1'000) server.stop();
    if (i == 2'000) server.start();
  }
  for (const auto ticket : tickets) a.heard().receipt(ticket);
  a.wait_up();
  a.get<redis_done>(clear_failures{any_subject()});
}

TEST_CASE("a Redis that hangs holds nobody up for longer than the time-out") {
  redis_server server;
  node a{at(server)};
  a.wait_up();
  server.freeze();
  const auto began = std::chrono::steady_clock::now();
  CHECK(a.ask(fetch_response{make_uuid_v7()}).why.code == errc::storage_unavailable);
  CHECK(std::chrono::steady_clock::now() - began < 2s);
  a.wait_down();
  server.thaw();
  a.wait_up();
  a.get<kept_response>(fetch_response{make_uuid_v7()});
}

TEST_CASE("an idle connection's end is noticed without a request") {
  redis_server server;
  node a{at(server)};
  a.wait_up();
  server.stop();
  a.wait_down();
}

TEST_CASE("scripts that Redis forgot are loaded again") {
  redis_server server;
  node a{at(server)};
  a.wait_up();
  auto other = redis_connection::open(at(server), 1s, 1s).value();
  other.append({"SCRIPT", "FLUSH"});
  REQUIRE(other.read(std::chrono::steady_clock::now() + 5s));
  a.ask(count_failure{{rule_for(any_subject())}}); // may fail
  a.get<lock_left>(count_failure{{rule_for(any_subject())}});
}

TEST_CASE("a password and a database of one's own") {
  redis_server server{{"--requirepass", "open sesame"}};
  node right{{.socket_path = server.socket_path(), .password = "open sesame", .database = 3}};
  right.wait_up();
  const auto op = make_uuid_v7();
  right.get<redis_done>(store_response{op, "x", 1min});
  node elsewhere{{.socket_path = server.socket_path(), .password = "open sesame"}};
  elsewhere.wait_up();
  CHECK_FALSE(elsewhere.get<kept_response>(fetch_response{op}).bytes);

  node wrong{{.socket_path = server.socket_path(), .password = "open barley"}};
  CHECK(wrong.ask(fetch_response{op}).why.code == errc::storage_unavailable);
  CHECK_FALSE(wrong.status().up());
}

TEST_CASE("pauses between attempts grow up to a bound, and differ") {
  const redis_setup setup{};
  std::set<std::int64_t> seen;
  for (int i = 0; i < 50; ++i) {
    const auto first = redis_pause(setup, 0);
    CHECK(first >= 50ms);
    CHECK(first <= 100ms);
    seen.insert(redis_pause(setup, 40).count());
    CHECK(redis_pause(setup, 40) >= 2500ms);
    CHECK(redis_pause(setup, 40) <= 5s);
  }
  CHECK(seen.size() > 10);
}

TEST_CASE("a published message in another shape is not taken for a revocation") {
  using redis_codec::decode_revocations;
  const std::string id(16, 'i');
  CHECK(decode_revocations("900000:" + id + id)->session_ids.size() == 2);
  for (const auto& text : {std::string{}, id, ":" + id, "0:" + id, "-5:" + id, "x:" + id,
                           "9:" + id + "1", "99999999999999999999:" + id})
    CHECK_FALSE(decode_revocations(text));
}

TEST_CASE("the Redis of the test run, over TCP") {
  const char* url = std::getenv("TROUPE_TEST_REDIS");
  if (url == nullptr) {
    MESSAGE("TROUPE_TEST_REDIS is not set");
    return;
  }
  node a{parse_redis_url(url).value()};
  a.wait_up();
  const auto op = make_uuid_v7();
  a.get<redis_done>(store_response{op, "over TCP", 10s});
  CHECK(a.get<kept_response>(fetch_response{op}).bytes == "over TCP");
}

// -- TLS ------------------------------------------------------------------------------------------

namespace {

/// Writes a key and a certificate for 127.0.0.1 that signs itself.
void make_certificate(const std::filesystem::path& folder) {
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key{EVP_EC_gen("P-256"),
                                                                &EVP_PKEY_free};
  const std::unique_ptr<X509, decltype(&X509_free)> certificate{X509_new(), &X509_free};
  auto* it = certificate.get();
  X509_set_version(it, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(it), 1);
  X509_gmtime_adj(X509_getm_notBefore(it), -3600);
  X509_gmtime_adj(X509_getm_notAfter(it), 3600);
  X509_set_pubkey(it, key.get());
  X509_NAME_add_entry_by_txt(X509_get_subject_name(it), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>("troupe test"), -1, -1, 0);
  X509_set_issuer_name(it, X509_get_subject_name(it));
  auto* names = X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, "IP:127.0.0.1");
  X509_add_ext(it, names, -1);
  X509_EXTENSION_free(names);
  X509_sign(it, key.get(), EVP_sha256());
  auto* out = std::fopen((folder / "key.pem").c_str(), "w");
  PEM_write_PrivateKey(out, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  std::fclose(out);
  out = std::fopen((folder / "cert.pem").c_str(), "w");
  PEM_write_X509(out, it);
  std::fclose(out);
}

std::uint16_t free_port() {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  REQUIRE(bind(fd, reinterpret_cast<sockaddr*>(&address), size) == 0);
  getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  close(fd);
  return ntohs(address.sin_port);
}

} // namespace

TEST_CASE("TLS: only with a certificate that is trusted, for the host that was asked for") {
  auto name = (std::filesystem::temp_directory_path() / "troupe-tls-XXXXXX").string();
  REQUIRE(mkdtemp(name.data()) != nullptr);
  const std::filesystem::path folder{name};
  make_certificate(folder);
  const auto port = free_port();
  redis_server server{{"--bind", "127.0.0.1", "--tls-port", std::to_string(port), "--tls-cert-file",
                       folder / "cert.pem", "--tls-key-file", folder / "key.pem",
                       "--tls-ca-cert-file", folder / "cert.pem", "--tls-auth-clients", "no"}};
  const redis_address address{.host = "127.0.0.1", .port = port, .tls = true};

  CHECK_FALSE(redis_connection::open(address, 2s, 2s)); // nobody trusts this certificate
  setenv("SSL_CERT_FILE", (folder / "cert.pem").c_str(), 1);
  auto opened = redis_connection::open(address, 2s, 2s);
  REQUIRE_MESSAGE(opened, opened.error());
  opened->append({"PING"});
  CHECK(opened->read(std::chrono::steady_clock::now() + 5s));
  auto other_host = address;
  other_host.host = "localhost"; // the same server, but not the name in its certificate
  CHECK_FALSE(redis_connection::open(other_host, 2s, 2s));

  node a{address};
  a.listen();
  a.wait_up();
  a.heard().wait_restored(1);
  const auto id = make_uuid_v7();
  a.get<redis_done>(share_revocations{{id}, 1min});
  a.heard().wait_revoked(id);
  unsetenv("SSL_CERT_FILE");
  std::filesystem::remove_all(folder);
}
