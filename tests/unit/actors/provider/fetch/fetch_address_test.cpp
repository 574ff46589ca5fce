#include <doctest/doctest.h>

#include "actors/cluster/link/make_certificate.hpp"
#include "tests/unit/actors/cluster/link/temporary_folder.hpp"
#include "tests/unit/actors/provider/fetch/fetch_fixture.hpp"

#include <fstream>

using namespace troupe;
using namespace troupe::provider;
using namespace std::chrono_literals;

namespace {

std::string redirect(std::string_view location, std::string_view status = "302 Found") {
  return "HTTP/1.1 " + std::string{status} +
         "\r\nContent-Length: 0\r\nLocation: " + std::string{location} + "\r\n\r\n";
}

/// In place of the public Internet.
bool is_first_loopback(const asio::ip::address& address) noexcept {
  return address == asio::ip::address_v4::loopback();
}

/// A server's side of TLS, with a certificate for these names.
class certified_server {
public:
  explicit certified_server(const links::alternative_names& names) {
    auto authority = links::make_authority("test CA", links::valid_for(std::chrono::days{2}));
    REQUIRE(authority);
    auto made = links::make_node_certificate(*authority, "provider", names,
                                             links::valid_for(std::chrono::days{1}));
    REQUIRE(made);
    context.use_certificate_chain(asio::buffer(made->certificate));
    context.use_private_key(asio::buffer(made->key), asio::ssl::context::pem);
    std::ofstream{folder_.path / "ca.crt"} << authority->certificate;
  }

  std::filesystem::path authority() const { return folder_.path / "ca.crt"; }

  asio::ssl::context context{asio::ssl::context::tls_server};

private:
  links::temporary_folder folder_;
};

} // namespace

// -- addresses --------------------------------------------------------------------------------------

TEST_CASE_FIXTURE(fetch_fixture, "private addresses are refused without a connection") {
  scripted_server server{io, ok("secret")};
  for (const auto& url : {server.url(), "http://localhost:" + std::to_string(server.port()),
                          "http://[::ffff:127.0.0.1]:" + std::to_string(server.port())}) {
    auto what = request(url);
    what.allow_private = false;
    CHECK_MESSAGE(get(what).out.failure == fetch_failure::refused_address, url);
  }
  CHECK(server.heard.empty());
}

TEST_CASE_FIXTURE(fetch_fixture, "a name is resolved and each of its addresses tried") {
  scripted_server server{io, ok("x")};
  auto got = get("http://localhost:" + std::to_string(server.port()) + "/");
  CHECK(got.body == "x");
  CHECK(get("http://" + std::string(64, 'a') + ".invalid/").out.failure == fetch_failure::dns);
}

TEST_CASE_FIXTURE(fetch_fixture, "where nobody listens there is no connection") {
  asio::ip::tcp::acceptor gone{io, {asio::ip::address_v4::loopback(), 0}};
  const auto port = gone.local_endpoint().port();
  gone.close();
  auto got = get("http://127.0.0.1:" + std::to_string(port));
  CHECK(got.out.failure == fetch_failure::connect);
  CHECK(got.out.status == 0);
}

// -- redirects --------------------------------------------------------------------------------------

TEST_CASE_FIXTURE(fetch_fixture, "redirects are followed, to other servers, too") {
  scripted_server last{io, ok("here")};
  scripted_server middle{io, redirect(last.url("/feed"), "308 Permanent Redirect")};
  scripted_server first{io, redirect(middle.url("/x"), "301 Moved Permanently")};
  auto got = get(first.url());
  CHECK_FALSE(got.out.failure);
  CHECK(got.body == "here");
  CHECK(last.heard.at(0).starts_with("GET /feed "));
}

TEST_CASE_FIXTURE(fetch_fixture, "redirects have an end") {
  scripted_server server{io, redirect("/again")};
  CHECK(get(server.url()).out.failure == fetch_failure::too_many_redirects);
  CHECK(server.heard.size() == 4);
}

TEST_CASE_FIXTURE(fetch_fixture, "the address that a redirect leads to is checked again") {
  scripted_server inside{io, ok("secret")};
  const auto port = std::to_string(inside.port());
  for (const auto& location : {"http://127.0.0.2:" + port + "/", "http://[::1]:" + port + "/",
                               std::string{"http://10.0.0.1/"}, "//127.1:" + port + "/"}) {
    scripted_server server{io, redirect(location)};
    fetched got;
    got.out = outcome(fetch_where(*tls, request(server.url()), keep(got), is_first_loopback));
    if (location.contains("127.1:")) // another form of the address that may be connected to
      CHECK(got.body == "secret");
    else
      CHECK_MESSAGE(got.out.failure == fetch_failure::refused_address, location);
  }
  CHECK(inside.heard.size() == 1);
}

TEST_CASE_FIXTURE(fetch_fixture, "redirects to other schemes and with passwords are refused") {
  for (std::string_view location :
       {"ftp://127.0.0.1/", "file:///etc/passwd", "http://u:p@127.0.0.1/"}) {
    scripted_server server{io, redirect(location)};
    CHECK_MESSAGE(get(server.url()).out.failure == fetch_failure::bad_url, location);
  }
}

// -- TLS --------------------------------------------------------------------------------------------

TEST_CASE_FIXTURE(fetch_fixture, "TLS works with a certificate of a known authority for the host") {
  certified_server certified{{{"localhost"}, {"127.0.0.1"}}};
  tls = *make_fetch_tls(certified.authority());
  scripted_server server{io, ok("secret"), &certified.context};
  CHECK(get(server.url()).body == "secret");
  CHECK(get("https://localhost:" + std::to_string(server.port())).body == "secret");
}

TEST_CASE_FIXTURE(fetch_fixture, "an unknown authority is refused") {
  certified_server certified{{{}, {"127.0.0.1"}}};
  certified_server other{{}};
  scripted_server server{io, ok("x"), &certified.context};
  CHECK(get(server.url()).out.failure == fetch_failure::tls); // the system's authorities
  tls = *make_fetch_tls(other.authority());
  CHECK(get(server.url()).out.failure == fetch_failure::tls);
  CHECK(server.heard.empty());
}

TEST_CASE_FIXTURE(fetch_fixture, "a certificate for another host is refused") {
  certified_server certified{{{"other.example"}, {"127.0.0.2"}}};
  tls = *make_fetch_tls(certified.authority());
  scripted_server server{io, ok("x"), &certified.context};
  auto by_address = get(server.url());
  CHECK(by_address.out.failure == fetch_failure::tls);
  CHECK(by_address.out.detail.contains("mismatch"));
  auto by_name = get("https://localhost:" + std::to_string(server.port()));
  CHECK(by_name.out.failure == fetch_failure::tls);
  CHECK(server.heard.empty());
}

TEST_CASE_FIXTURE(fetch_fixture, "a server without TLS is no https server") {
  asio::ip::tcp::acceptor acceptor{io, {asio::ip::address_v4::loopback(), 0}};
  const std::string_view plain = "220 ready\r\n";
  std::optional<asio::ip::tcp::socket> accepted;
  acceptor.async_accept([&](boost::system::error_code, asio::ip::tcp::socket socket) {
    accepted = std::move(socket);
    asio::write(*accepted, asio::buffer(plain));
  });
  CHECK(get("https://127.0.0.1:" + std::to_string(acceptor.local_endpoint().port())).out.failure ==
        fetch_failure::tls);
}

TEST_CASE_FIXTURE(fetch_fixture, "a redirect does not leave TLS") {
  certified_server certified{{{}, {"127.0.0.1"}}};
  tls = *make_fetch_tls(certified.authority());
  scripted_server plain{io, ok("x")};
  scripted_server server{io, redirect(plain.url()), &certified.context};
  CHECK(get(server.url()).out.failure == fetch_failure::bad_url);
  CHECK(plain.heard.empty());
}

TEST_CASE_FIXTURE(fetch_fixture, "a body that ends without TLS's farewell is truncated") {
  certified_server certified{{{}, {"127.0.0.1"}}};
  tls = *make_fetch_tls(certified.authority());
  scripted_server server{io, "HTTP/1.1 200 OK\r\n\r\nhalf", &certified.context};
  CHECK(get(server.url()).out.failure == fetch_failure::truncated);
}

TEST_CASE("a file without certificates is no authority") {
  CHECK_FALSE(make_fetch_tls("/dev/null"));
  CHECK_FALSE(make_fetch_tls("/nowhere/ca.crt"));
}
