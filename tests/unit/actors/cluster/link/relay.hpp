#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace troupe::links {

/// A network of one connection after the other: passes bytes on between whoever dials it and a target, and
/// does to each way what the test says. Lives on the test's io_context.
class relay {
public:
  enum class way { passes, swallows, drips };

  relay(boost::asio::io_context& io, boost::asio::ip::tcp::endpoint target)
    : io_(io), target_(target), listener_(io, {boost::asio::ip::address_v4::loopback(), 0}) {
    accept();
  }
  ~relay() {
    listener_.close();
    for (auto& one : pairs_) one->close();
  }

  std::uint16_t port() const { return listener_.local_endpoint().port(); }

  way there = way::passes; ///< from who dialed to the target
  way back = way::passes;

  /// Puts bytes that nobody sent between those of who dialed.
  void inject(std::string_view bytes) {
    boost::system::error_code ignored;
    for (auto& one : pairs_) boost::asio::write(one->ends[1], boost::asio::buffer(bytes), ignored);
  }

private:
  using tcp = boost::asio::ip::tcp;

  struct pair {
    explicit pair(boost::asio::io_context& io) : ends{tcp::socket{io}, tcp::socket{io}} {}
    void close() {
      boost::system::error_code ignored;
      for (auto& end : ends) end.close(ignored);
    }
    std::array<tcp::socket, 2> ends; ///< who dialed, the target
    std::array<std::array<char, 16 * 1024>, 2> buffers{};
  };

  void accept() {
    auto fresh = std::make_shared<pair>(io_);
    listener_.async_accept(fresh->ends[0], [this, fresh](boost::system::error_code error) {
      if (error) return;
      pairs_.push_back(fresh);
      fresh->ends[1].connect(target_, error);
      pump(fresh, 0);
      pump(fresh, 1);
      accept();
    });
  }

  void pump(const std::shared_ptr<pair>& one, std::size_t from) {
    one->ends[from].async_read_some(
      boost::asio::buffer(one->buffers[from]),
      [this, one, from](boost::system::error_code error, std::size_t size) {
        if (error == boost::asio::error::operation_aborted) return;
        if (error) return one->close();
        pass_on(one, from, 0, size);
      });
  }

  void pass_on(const std::shared_ptr<pair>& one, std::size_t from, std::size_t begin,
               std::size_t end) {
    const auto how = from == 0 ? there : back;
    if (begin == end || how == way::swallows) return pump(one, from);
    const auto piece = how == way::drips ? std::min<std::size_t>(end - begin, 7) : end - begin;
    boost::asio::async_write(
      one->ends[1 - from], boost::asio::buffer(one->buffers[from].data() + begin, piece),
      [this, one, from, begin, end, piece](boost::system::error_code error, std::size_t) {
        if (error == boost::asio::error::operation_aborted) return;
        if (error) return one->close();
        pass_on(one, from, begin + piece, end);
      });
  }

  boost::asio::io_context& io_;
  tcp::endpoint target_;
  tcp::acceptor listener_;
  std::vector<std::shared_ptr<pair>> pairs_;
};

} // namespace troupe::links
