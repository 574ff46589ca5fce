#include "actors/cluster/link/make_certificate.hpp"

#include <doctest/doctest.h>
#include <openssl/x509_vfy.h>

#include "actors/cluster/link/fingerprint.hpp"
#include "actors/cluster/link/openssl.hpp"

using namespace troupe;
using namespace troupe::links;
using namespace std::chrono_literals;

namespace {

certified_key authority(std::chrono::days days = std::chrono::days{30}) {
  auto made = make_authority("test CA", valid_for(days));
  REQUIRE(made);
  return *made;
}

certified_key node(const certified_key& by, const alternative_names& more = {}) {
  auto made = make_node_certificate(by, "node-1", more, valid_for(std::chrono::days{10}));
  REQUIRE(made);
  return *made;
}

/// X509_V_OK, or why `certificate` is not one that `trusted` certified for `purpose`.
int verify(const std::string& certificate, const std::string& trusted, int purpose) {
  using store_ptr = std::unique_ptr<X509_STORE, freed_by<X509_STORE_free>>;
  using context_ptr = std::unique_ptr<X509_STORE_CTX, freed_by<X509_STORE_CTX_free>>;
  auto leaf = read_certificate(certificate);
  auto root = read_certificate(trusted);
  store_ptr store{X509_STORE_new()};
  context_ptr context{X509_STORE_CTX_new()};
  REQUIRE(X509_STORE_add_cert(store.get(), root.get()) == 1);
  REQUIRE(X509_STORE_CTX_init(context.get(), store.get(), leaf.get(), nullptr) == 1);
  X509_STORE_CTX_set_purpose(context.get(), purpose);
  X509_verify_cert(context.get());
  ERR_clear_error();
  return X509_STORE_CTX_get_error(context.get());
}

} // namespace

TEST_CASE("a node's certificate is certified by its authority for both sides of a connection") {
  auto by = authority();
  auto made = node(by);
  CHECK(verify(made.certificate, by.certificate, X509_PURPOSE_SSL_SERVER) == X509_V_OK);
  CHECK(verify(made.certificate, by.certificate, X509_PURPOSE_SSL_CLIENT) == X509_V_OK);
  CHECK(verify(made.certificate, authority().certificate, X509_PURPOSE_SSL_SERVER) != X509_V_OK);
  auto key = read_key(made.key);
  REQUIRE(key);
  CHECK(EVP_PKEY_get_bits(key.get()) == 256);
  CHECK(X509_check_private_key(read_certificate(made.certificate).get(), key.get()) == 1);
}

TEST_CASE("a certificate names the node, its host names and its addresses") {
  auto made = node(authority(), {{"node-1.troupe.svc", "*.troupe.example"}, {"10.0.0.1", "::1"}});
  auto certificate = read_certificate(made.certificate);
  auto names_host = [&](const char* name) {
    return X509_check_host(certificate.get(), name, 0, 0, nullptr) == 1;
  };
  CHECK(names_host("node-1"));
  CHECK(names_host("node-1.troupe.svc"));
  CHECK(names_host("any.troupe.example"));
  CHECK_FALSE(names_host("node-2"));
  CHECK(X509_check_ip_asc(certificate.get(), "10.0.0.1", 0) == 1);
  CHECK(X509_check_ip_asc(certificate.get(), "::1", 0) == 1);
  CHECK(X509_check_ip_asc(certificate.get(), "10.0.0.2", 0) == 0);
}

TEST_CASE("a certificate is valid from an hour ago for as many days as asked") {
  auto certificate = read_certificate(node(authority()).certificate);
  auto now = std::time(nullptr);
  auto before = now - 3000;
  auto late = now + 10 * 86400 - 600;
  auto too_late = now + 10 * 86400 + 600;
  CHECK(X509_cmp_time(X509_get0_notBefore(certificate.get()), &before) < 0);
  CHECK(X509_cmp_time(X509_get0_notAfter(certificate.get()), &late) > 0);
  CHECK(X509_cmp_time(X509_get0_notAfter(certificate.get()), &too_late) < 0);
}

TEST_CASE("a certificate outside its validity does not verify") {
  auto by = authority();
  auto now = valid_for(std::chrono::days{1});
  auto made = make_node_certificate(by, "old", {}, {now.from - 48h, now.from - 24h});
  REQUIRE(made);
  CHECK(verify(made->certificate, by.certificate, X509_PURPOSE_SSL_CLIENT) ==
        X509_V_ERR_CERT_HAS_EXPIRED);
}

TEST_CASE("a fingerprint is the SHA-256 of the certificate, and another one for each certificate") {
  auto by = authority();
  auto one = fingerprint_of(node(by).certificate);
  auto two = fingerprint_of(node(by).certificate);
  REQUIRE(one);
  REQUIRE(two);
  CHECK(*one != *two);
  auto text = to_string(*one);
  CHECK(text.size() == 64);
  CHECK(text.find_first_not_of("0123456789abcdef") == text.npos);
  CHECK_FALSE(fingerprint_of(std::string_view{"no certificate"}));
}

TEST_CASE("names that are none are refused") {
  auto by = authority();
  auto refused = [&](const std::string& name, const alternative_names& more) {
    auto made = make_node_certificate(by, name, more, valid_for(std::chrono::days{1}));
    return !made && made.error().code == errc::invalid_field;
  };
  CHECK(refused("", {}));
  CHECK(refused("../node", {}));
  CHECK(refused("*.node", {}));
  CHECK(refused(std::string(64, 'a'), {}));
  CHECK(refused("node", {{"a,b"}, {}}));
  CHECK(refused("node", {{}, {"10.0.0"}}));
  CHECK_FALSE(make_authority("", valid_for(std::chrono::days{1})));
}

TEST_CASE("only an authority with its own key certifies, and no longer than it is valid itself") {
  auto by = authority();
  auto other = authority();
  auto made = node(by);
  auto code = [](const certified_key& authority, int days) {
    auto out = make_node_certificate(authority, "n", {}, valid_for(std::chrono::days{days}));
    return out ? errc::none : out.error().code;
  };
  CHECK(code({by.certificate, other.key}, 1) == errc::precondition_failed);
  CHECK(code(made, 1) == errc::precondition_failed);
  CHECK(code({"", ""}, 1) == errc::precondition_failed);
  CHECK(code(by, 31) == errc::invalid_field);
  CHECK(code(by, 29) == errc::none);
}
