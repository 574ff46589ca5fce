#include "actors/provider/fetch/address_rules.hpp"

#include <doctest/doctest.h>

#include <initializer_list>

using namespace troupe::provider;

namespace {
bool is_public(std::string_view text) {
  return troupe::provider::is_public(boost::asio::ip::make_address(text));
}
} // namespace

TEST_CASE("addresses of the public Internet are public") {
  for (std::string_view text :
       {"1.1.1.1", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "172.15.255.255",
        "172.32.0.0", "192.167.255.255", "192.169.0.0", "198.17.0.1", "198.20.0.0",
        "223.255.255.255", "2606:4700::1111", "2a00:1450:4001::1", "2001:200::1", "2003::1",
        "::ffff:1.1.1.1", "64:ff9b::1.1.1.1"})
    CHECK_MESSAGE(is_public(text), text);
}

TEST_CASE("private, reserved and special addresses are not public") {
  for (std::string_view text :
       {"0.0.0.0",         "0.1.2.3",        "10.0.0.1",        "10.255.255.255",  "100.64.0.0",
        "100.127.255.255", "127.0.0.1",      "127.255.255.254", "169.254.169.254", "172.16.0.1",
        "172.31.255.255",  "192.0.0.8",      "192.0.2.1",       "192.88.99.1",     "192.168.0.1",
        "198.18.0.1",      "198.19.255.255", "198.51.100.1",    "203.0.113.255",   "224.0.0.1",
        "239.255.255.255", "240.0.0.1",      "255.255.255.255"})
    CHECK_FALSE_MESSAGE(is_public(text), text);
  for (std::string_view text :
       {"::", "::1", "fe80::1", "fec0::1", "fc00::1", "fdff::1", "ff02::1", "2001::1",
        "2001:db8::1", "2002:7f00:1::1", "3fff:fff::1", "100::1", "4000::1"})
    CHECK_FALSE_MESSAGE(is_public(text), text);
}

TEST_CASE("an IPv6 address that stands for an IPv4 one is judged as that") {
  for (std::string_view text : {"::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254",
                                "64:ff9b::192.168.0.1", "::127.0.0.1"})
    CHECK_FALSE_MESSAGE(is_public(text), text);
}
