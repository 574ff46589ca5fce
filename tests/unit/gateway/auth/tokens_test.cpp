#include "gateway/auth/tokens.hpp"

#include <array>
#include <doctest/doctest.h>
#include <sodium.h>
#include <string>

#include "config/settings.hpp"

using namespace troupe;
using namespace troupe::gateway;
using namespace std::chrono_literals;

namespace {

const std::string key = "a signing key of this test, 32 bytes or more";
const std::string other_key = "another key of this test, 32 bytes or more..";
constexpr timestamp noon{1'800'000'000'000};

auth_settings settings_with(const std::string& signing_key, const std::string& previous = {}) {
  auth_settings settings;
  settings.signing_key.value = signing_key;
  settings.previous_signing_key.value = previous;
  return settings;
}

principal a_player() {
  return {.account_id = make_uuid_v7(), .session_id = make_uuid_v7(), .kind = role::player};
}

principal a_studio() {
  return {.account_id = make_uuid_v7(),
          .session_id = make_uuid_v7(),
          .kind = role::studio,
          .studio_id = make_uuid_v7()};
}

timestamp later(timestamp t, std::chrono::milliseconds by) { return {t.unix_ms + by.count()}; }

std::string base64(std::string_view bytes) {
  constexpr int variant = sodium_base64_VARIANT_URLSAFE_NO_PADDING;
  std::string text(sodium_base64_encoded_len(bytes.size(), variant), '\0');
  sodium_bin2base64(text.data(), text.size(), reinterpret_cast<const unsigned char*>(bytes.data()),
                    bytes.size(), variant);
  text.resize(text.size() - 1); // the final zero
  return text;
}

/// A token somebody made without our code.
std::string forge(const std::string& header, const std::string& claims,
                  const std::string& signing_key) {
  auto token = base64(header) + '.' + base64(claims);
  crypto_auth_hmacsha256_state state;
  std::array<unsigned char, crypto_auth_hmacsha256_BYTES> signature;
  crypto_auth_hmacsha256_init(&state, reinterpret_cast<const unsigned char*>(signing_key.data()),
                              signing_key.size());
  crypto_auth_hmacsha256_update(&state, reinterpret_cast<const unsigned char*>(token.data()),
                                token.size());
  crypto_auth_hmacsha256_final(&state, signature.data());
  return token + '.' + base64({reinterpret_cast<const char*>(signature.data()), signature.size()});
}

/// A good token but for its algorithm.
std::string sign_by_hs512(const std::string& claims, const std::string& signing_key) {
  auto token = base64(R"({"alg":"HS512","typ":"JWT"})") + '.' + base64(claims);
  crypto_auth_hmacsha512_state state;
  std::array<unsigned char, crypto_auth_hmacsha512_BYTES> signature;
  crypto_auth_hmacsha512_init(&state, reinterpret_cast<const unsigned char*>(signing_key.data()),
                              signing_key.size());
  crypto_auth_hmacsha512_update(&state, reinterpret_cast<const unsigned char*>(token.data()),
                                token.size());
  crypto_auth_hmacsha512_final(&state, signature.data());
  return token + '.' + base64({reinterpret_cast<const char*>(signature.data()), signature.size()});
}

struct claims {
  std::string iss = R"("troupe")";
  std::string sub = '"' + to_string(make_uuid_v7()) + '"';
  std::string sid = '"' + to_string(make_uuid_v7()) + '"';
  std::string role = R"("player")";
  std::string iat = "1800000000";
  std::string exp = "1800000900";
  std::string more;

  std::string text() const {
    return R"({"iss":)" + iss + R"(,"sub":)" + sub + R"(,"sid":)" + sid + R"(,"role":)" + role +
           R"(,"iat":)" + iat + R"(,"exp":)" + exp + more + '}';
  }
};

const std::string hs256 = R"({"alg":"HS256","typ":"JWT"})";

bool accepts(const token_authority& authority, const std::string& token, timestamp now = noon) {
  auto checked = authority.check(token, now);
  if (!checked) CHECK(checked.error().code == errc::invalid_token);
  return checked.has_value();
}

timestamp at_noon() { return noon; }

} // namespace

TEST_CASE("an issued token says who sent it, for every role") {
  const token_authority authority{settings_with(key)};
  for (auto who : {a_player(), a_studio(),
                   principal{make_uuid_v7(), make_uuid_v7(), role::publisher, std::nullopt},
                   principal{make_uuid_v7(), make_uuid_v7(), role::operator_, std::nullopt}}) {
    const auto token = authority.issue(who, noon).value();
    CHECK(token.size() < 700);
    const auto checked = authority.check(token, noon).value();
    CHECK(checked.who == who);
    CHECK(checked.remaining == 15min + 60s);
  }
}

TEST_CASE("a token made elsewhere with the right key and claims is accepted") {
  const token_authority authority{settings_with(key)};
  CHECK(accepts(authority, forge(hs256, claims{}.text(), key)));
}

TEST_CASE("a forged token is refused") {
  const token_authority authority{settings_with(key)};
  const auto good = forge(hs256, claims{}.text(), key);
  REQUIRE(accepts(authority, good));

  SUBCASE("signed with another key") {
    CHECK_FALSE(accepts(authority, forge(hs256, claims{}.text(), other_key)));
    CHECK_FALSE(accepts(authority, forge(hs256, claims{}.text(), "")));
  }
  SUBCASE("without a signature") {
    for (const auto* alg : {"none", "None", "NONE", "nOnE"}) {
      const auto header = R"({"alg":")" + std::string{alg} + R"(","typ":"JWT"})";
      CHECK_FALSE(accepts(authority, base64(header) + '.' + base64(claims{}.text()) + '.'));
      CHECK_FALSE(accepts(authority, base64(header) + '.' + base64(claims{}.text())));
      CHECK_FALSE(accepts(authority, forge(header, claims{}.text(), key)));
    }
    CHECK_FALSE(accepts(authority, base64(hs256) + '.' + base64(claims{}.text()) + '.'));
  }
  SUBCASE("by another algorithm") {
    for (const auto* alg : {"HS384", "HS512", "RS256", "ES256", "PS256", "", "HS256 "})
      CHECK_FALSE(accepts(authority,
                          forge(R"({"alg":")" + std::string{alg} + R"("})", claims{}.text(), key)));
    // Even with the right key: the token does not choose.
    CHECK_FALSE(accepts(authority, sign_by_hs512(claims{}.text(), key)));
    CHECK_FALSE(accepts(authority, forge(R"({"typ":"JWT"})", claims{}.text(), key)));
    CHECK_FALSE(accepts(authority, forge(R"({"alg":1})", claims{}.text(), key)));
  }
  SUBCASE("with a byte changed anywhere") {
    for (std::size_t at = 0; at < good.size(); ++at) {
      auto changed = good;
      // Not the neighbour: the lowest bits of a part's last character mean nothing.
      changed[at] = changed[at] == 'A' ? 'g' : 'A';
      if (changed != good) CHECK_FALSE(accepts(authority, changed));
    }
  }
  SUBCASE("truncated anywhere") {
    for (std::size_t size = 0; size < good.size(); ++size)
      CHECK_FALSE(accepts(authority, good.substr(0, size)));
  }
  SUBCASE("with something behind it") {
    CHECK_FALSE(accepts(authority, good + "A"));
    CHECK_FALSE(accepts(authority, good + "."));
    CHECK_FALSE(accepts(authority, good + ".AAAA"));
    CHECK_FALSE(accepts(authority, good + std::string{"\0", 1}));
  }
}

TEST_CASE("a signed token with wrong claims is refused") {
  const token_authority authority{settings_with(key)};
  auto refused = [&](auto change) {
    claims it;
    change(it);
    return !accepts(authority, forge(hs256, it.text(), key));
  };
  CHECK(refused([](claims& c) { c.iss = R"("troupe2")"; }));
  CHECK(refused([](claims& c) { c.iss = "17"; }));
  CHECK(refused([](claims& c) { c.sub = R"("me")"; }));
  CHECK(refused([](claims& c) { c.sid = "null"; }));
  CHECK(refused([](claims& c) { c.role = R"("king")"; }));
  CHECK(refused([](claims& c) { c.role = R"("studio")"; })); // of which studio?
  CHECK(refused([](claims& c) { c.more = R"(,"studio":")" + to_string(make_uuid_v7()) + '"'; }));
  CHECK(refused([](claims& c) { c.more = R"(,"studio":"x")"; }));
  CHECK(refused([](claims& c) { c.exp = R"("1800000900")"; }));
  CHECK(refused([](claims& c) { c.exp = "null"; }));
  CHECK(refused([](claims& c) { c.exp = "9223372036854775807"; }));
  CHECK(refused([](claims& c) { c.exp = "-9223372036854775808"; }));
  CHECK(refused([](claims& c) { c.exp = "1800090000"; })); // longer than we ever give
  CHECK(refused([](claims& c) { c.iat = "1800000061"; }));
  CHECK(refused([](claims& c) { c.iat = "{}"; }));
}

TEST_CASE("garbage is refused") {
  const token_authority authority{settings_with(key)};
  for (const std::string text : {"", ".", "..", "...", "a.b.c", "Bearer", "\xff\xfe.\xff.\xff"})
    CHECK_FALSE(accepts(authority, text));
  CHECK_FALSE(accepts(authority, std::string(2'000'000, 'A')));
  CHECK_FALSE(accepts(authority, std::string(1'000, '.')));
  CHECK_FALSE(accepts(authority, forge(hs256, std::string(300, '['), key)));
  CHECK_FALSE(accepts(authority, forge(std::string(300, '{'), claims{}.text(), key)));
  CHECK_FALSE(accepts(authority, forge(hs256, "[]", key)));
  CHECK_FALSE(accepts(authority, forge(hs256, "", key)));
}

TEST_CASE("a token expires, with little tolerance for clocks that differ") {
  const token_authority authority{settings_with(key)};
  const auto token = authority.issue(a_player(), noon).value();
  CHECK(accepts(authority, token, later(noon, 15min)));
  CHECK(accepts(authority, token, later(noon, 15min + 59s)));
  CHECK_FALSE(accepts(authority, token, later(noon, 16min)));
  CHECK_FALSE(accepts(authority, token, later(noon, 24h)));
  CHECK(accepts(authority, token, later(noon, -60s)));
  CHECK_FALSE(accepts(authority, token, later(noon, -62s)));
}

TEST_CASE("after a change of keys the old tokens hold until they expire") {
  const token_authority before{settings_with(other_key)};
  const token_authority after{settings_with(key, other_key)};
  const auto old_token = before.issue(a_player(), noon).value();
  CHECK(accepts(after, old_token));
  CHECK_FALSE(accepts(before, after.issue(a_player(), noon).value()));
  CHECK_FALSE(accepts(token_authority{settings_with(key)}, old_token));
}

TEST_CASE("the verifier checks a token once") {
  const token_authority authority{settings_with(key)};
  const revocation_set revocations;
  token_verifier verifier{authority, revocations, 100, &at_noon};
  const auto who = a_studio();
  const auto token = authority.issue(who, noon).value();
  const token_verifier::clock::time_point now{1000s};
  for (int i = 0; i < 5; ++i) CHECK(verifier.verify(token, now).value() == who);
  CHECK(verifier.misses() == 1);
  CHECK(verifier.hits() == 4);
  CHECK(verifier.verify(token.substr(1), now).error().code == errc::invalid_token);
  CHECK(verifier.cached() == 1); // only good ones are kept
}

TEST_CASE("a cached token expires by the monotonic clock") {
  const token_authority authority{settings_with(key)};
  const revocation_set revocations;
  token_verifier verifier{authority, revocations, 100, &at_noon}; // a wall clock that stands still
  const auto token = authority.issue(a_player(), noon).value();
  const token_verifier::clock::time_point now{1000s};
  CHECK(verifier.verify(token, now));
  CHECK(verifier.verify(token, now + 15min + 59s));
  CHECK(verifier.verify(token, now + 16min).error().code == errc::invalid_token);
}

TEST_CASE("a revoked session's token is refused from the next request on, cached or not") {
  const token_authority authority{settings_with(key)};
  revocation_set revocations;
  token_verifier verifier{authority, revocations, 100, &at_noon};
  const token_verifier::clock::time_point now{1000s};
  const auto who = a_player();
  const auto other = a_player();
  const auto token = authority.issue(who, noon).value();
  const auto second_token = authority.issue(who, later(noon, 1s)).value();
  const auto others_token = authority.issue(other, noon).value();
  CHECK(verifier.verify(token, now));
  CHECK(verifier.verify(others_token, now));

  revocations.add(std::array{who.session_id}, now + 16min);
  CHECK(verifier.verify(token, now).error().code == errc::invalid_token);
  CHECK(verifier.verify(token, now).error().code == errc::invalid_token);
  CHECK(verifier.verify(second_token, now).error().code == errc::invalid_token);
  CHECK(verifier.verify(others_token, now));
}

TEST_CASE("the verifier's cache is bounded and keeps what is used") {
  const token_authority authority{settings_with(key)};
  const revocation_set revocations;
  token_verifier verifier{authority, revocations, 10, &at_noon};
  const token_verifier::clock::time_point now{1000s};
  const auto favourite = authority.issue(a_player(), noon).value();
  CHECK(verifier.verify(favourite, now));
  for (int i = 0; i < 100; ++i) {
    CHECK(verifier.verify(authority.issue(a_player(), noon).value(), now));
    const auto misses = verifier.misses();
    CHECK(verifier.verify(favourite, now));
    CHECK(verifier.misses() == misses);
    CHECK(verifier.cached() <= 10);
  }
}

TEST_CASE("a refresh token reads back as it was written") {
  const refresh_token_source source{settings_with(key)};
  for (auto kind : {account_kind::player, account_kind::staff}) {
    const auto token = source.make({kind, make_uuid_v7()}, make_uuid_v7());
    const auto text = encode(token);
    CHECK(text.size() == 87);
    CHECK(parse_refresh_token(text) == token);
  }
}

TEST_CASE("two refresh tokens of a session differ, and so do their hashes") {
  const refresh_token_source source{settings_with(key)};
  const account_ref account{account_kind::player, make_uuid_v7()};
  const auto session_id = make_uuid_v7();
  const auto first = source.make(account, session_id);
  const auto second = source.make(account, session_id);
  CHECK(first.secret != second.secret);
  CHECK(hash_of(first) != hash_of(second));
  auto elsewhere = first;
  elsewhere.session_id = make_uuid_v7();
  CHECK(hash_of(first) != hash_of(elsewhere)); // a secret is of no use for another session
}

TEST_CASE("a refresh token derived from an operation is the same for its replay only") {
  const refresh_token_source source{settings_with(key)};
  const account_ref account{account_kind::player, make_uuid_v7()};
  const auto session_id = make_uuid_v7();
  const auto op_id = make_uuid_v7();
  const auto token = source.derive(account, session_id, op_id);
  CHECK(token == source.derive(account, session_id, op_id));
  CHECK(token.secret != source.derive(account, session_id, make_uuid_v7()).secret);
  CHECK(token.secret != source.derive(account, make_uuid_v7(), op_id).secret);
  CHECK(token.secret !=
        refresh_token_source{settings_with(other_key)}.derive(account, session_id, op_id).secret);
}

TEST_CASE("text that is no refresh token is refused") {
  const refresh_token_source source{settings_with(key)};
  const auto good = encode(source.make({account_kind::player, make_uuid_v7()}, make_uuid_v7()));
  CHECK_FALSE(parse_refresh_token(""));
  CHECK_FALSE(parse_refresh_token(good.substr(1)));
  CHECK_FALSE(parse_refresh_token(good + "A"));
  CHECK_FALSE(parse_refresh_token(good + "="));
  for (const char byte : {'=', '+', '/', ' ', '\0', '\xff', '.'}) {
    auto changed = good;
    changed[40] = byte;
    CHECK_FALSE(parse_refresh_token(changed));
  }
  auto unknown_kind = good;
  unknown_kind[0] = '_';
  CHECK_FALSE(parse_refresh_token(unknown_kind));
  CHECK_FALSE(parse_refresh_token(std::string(87, '\0')));
}
