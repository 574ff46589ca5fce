#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "gateway/http/message.hpp"
#include "gateway/task.hpp"

namespace boost::asio {
class io_context;
}

namespace troupe::gateway::http {

/// One request and its answer, as a handler sees them.
struct exchange {
  request in;
  response out;
  const peer_address* peer = nullptr;
  std::chrono::steady_clock::time_point started; ///< when its header was complete
};

/// What a server serves; one per thread of the server and only for that thread.
class handler {
public:
  virtual ~handler() = default;

  /// Fills `ex.out`. Must not throw.
  virtual task<void> handle(exchange& ex) = 0;

  /// Fills `ex.out` for a request that could not be read; `ex.in` may be incomplete.
  virtual void refuse(exchange& ex, failure why) = 0;

  /// Comes about every 50 ms.
  virtual void tick(std::chrono::steady_clock::time_point) {}

  /// The thread is about to end: let go of every coroutine that waits for something.
  virtual void stop() {}
};

using handler_factory =
  std::function<std::unique_ptr<handler>(boost::asio::io_context& io, std::uint32_t thread)>;

struct server_settings {
  std::string address = "127.0.0.1";
  std::uint16_t port = 0; ///< 0: a free one
  std::uint32_t threads = 1;
  std::uint32_t max_connections = 10'000;
  std::uint32_t max_connections_per_address = 0; ///< 0: no bound of its own
  std::chrono::milliseconds header_timeout{10'000};
  std::chrono::milliseconds body_timeout{15'000};
  std::chrono::milliseconds idle_timeout{75'000};
  std::chrono::milliseconds write_timeout{15'000};
  std::uint32_t max_header = 16 * 1024;
  std::uint64_t max_body = 256 * 1024;
  std::string tls_certificate_file; ///< PEM chain; with the key: TLS 1.2 and newer
  std::string tls_key_file;
};

/// What the threads of a server counted; a sum at some moment.
struct server_counts {
  std::uint64_t accepted = 0;
  std::uint64_t rejected = 0; ///< over a bound of connections
  std::uint64_t open = 0;
  std::uint64_t malformed = 0;
  std::uint64_t timed_out = 0;
  std::uint64_t tls_failed = 0;
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
};

/// An HTTP/1.1 server: `threads` io_contexts, each with its own acceptor on the same port
/// (SO_REUSEPORT), so that a connection stays on one thread. All of its functions are for the
/// thread that owns it.
class server {
public:
  server(server_settings settings, std::string name, handler_factory make_handler);
  ~server();
  server(const server&) = delete;
  server& operator=(const server&) = delete;

  /// Opens the port and starts the threads. Errors: `internal` with a text for the operator.
  result<void> start();

  std::uint16_t port() const noexcept { return port_; }

  /// Stops accepting, answers what is under way with `Connection: close` and waits until no
  /// connection is left, at most until `deadline`. True when none was left.
  bool drain(std::chrono::steady_clock::time_point deadline);

  /// Ends every connection and the threads, within about a second.
  void stop();

  server_counts counts() const;

private:
  class worker;
  class session;
  struct tls_context;

  server_settings settings_;
  std::string name_;
  handler_factory make_handler_;
  std::unique_ptr<tls_context> tls_;
  std::uint16_t port_ = 0;
  std::vector<std::unique_ptr<worker>> workers_;
};

} // namespace troupe::gateway::http
