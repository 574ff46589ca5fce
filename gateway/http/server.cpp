#include "gateway/http/server.hpp"

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/steady_timer.hpp>
#include <sys/socket.h>

#include "base/log.hpp"
#include "gateway/http/head.hpp"
#include "gateway/http/parser.hpp"

namespace troupe::gateway::http {

namespace asio = boost::asio;
using tcp = asio::ip::tcp;
using clock = std::chrono::steady_clock;
using boost::system::error_code;
using namespace std::chrono_literals;

namespace {

constexpr auto tick_interval = 50ms;
constexpr std::size_t first_buffer = 8 * 1024;
constexpr std::size_t body_room = 4 * 1024;      ///< kept free behind a header for reading its body
constexpr std::size_t max_coalesced = 32 * 1024; ///< answers of pipelined requests sent together
constexpr std::size_t max_kept_buffer = 64 * 1024; ///< of an idle connection
constexpr std::size_t max_request_line = 8 * 1024;
constexpr std::size_t max_lingered = 1024 *
                                     1024; ///< bytes thrown away so that a client reads its answer
constexpr auto linger_timeout = 2s;
constexpr auto drain_idle_grace = 500ms; ///< a draining server's idle connections may send one more
constexpr auto never = clock::time_point::max();

constexpr std::string_view busy_answer =
  "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/problem+json\r\n"
  "Content-Length: 108\r\nRetry-After: 1\r\nConnection: close\r\n\r\n"
  R"({"type":"/problems/overloaded","title":"Overloaded","status":503,"detail":"too many connections are open"}  )";
static_assert(busy_answer.substr(busy_answer.find("\r\n\r\n") + 4).size() == 108);

struct io_result {
  error_code ec;
  std::size_t bytes = 0;
};

/// Awaits an Asio operation: `start` gets a completion handler of (error_code, size).
template <class Start>
struct io_awaiter {
  Start start;
  io_result got{};

  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> waiting) {
    start([this, waiting](error_code ec, std::size_t bytes = 0) {
      got = {ec, bytes};
      waiting.resume();
    });
  }
  io_result await_resume() noexcept { return got; }
};
template <class Start>
io_awaiter(Start) -> io_awaiter<Start>;

peer_address address_of(const tcp::endpoint& endpoint) {
  peer_address out;
  auto address = endpoint.address();
  if (address.is_v6() && address.to_v6().is_v4_mapped())
    address = asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6());
  if (address.is_v4()) {
    auto bytes = address.to_v4().to_bytes();
    std::copy(bytes.begin(), bytes.end(), out.bytes.begin());
  } else {
    out.v6 = true;
    auto bytes = address.to_v6().to_bytes();
    std::copy(bytes.begin(), bytes.end(), out.bytes.begin());
  }
  out.text = address.to_string();
  return out;
}

bool is_continue_expected(std::string_view expect) noexcept {
  constexpr std::string_view wanted = "100-continue";
  return std::ranges::equal(expect, wanted, [](char a, char b) {
    return (a >= 'A' && a <= 'Z' ? static_cast<char>(a - 'A' + 'a') : a) == b;
  });
}

} // namespace

struct server::tls_context {
  asio::ssl::context context{asio::ssl::context::tls_server};
};

// -- worker ---------------------------------------------------------------------------------------

/// One thread: an io_context, an acceptor and the sessions of the connections it accepted.
class server::worker {
public:
  worker(server& owner, std::uint32_t number)
    : owner_(owner),
      settings_(owner.settings_),
      number_(number),
      io_(1),
      acceptor_(io_),
      timer_(io_),
      max_sessions_(
        std::max<std::size_t>(1, settings_.max_connections / std::max(1u, settings_.threads))) {}
  ~worker();

  result<void> open(std::uint16_t port);
  std::uint16_t port() const { return acceptor_.local_endpoint().port(); }
  void start();

  void begin_drain();
  bool wait_until_empty(clock::time_point deadline);
  void begin_stop();
  void finish_stop(clock::time_point deadline);

  void add_to(server_counts& sum) const;

private:
  friend class server::session;

  /// Written by the worker's thread only.
  struct counters {
    std::atomic<std::uint64_t> accepted{0}, rejected{0}, open{0}, malformed{0}, timed_out{0},
      tls_failed{0}, bytes_in{0}, bytes_out{0};
  };
  static void count(std::atomic<std::uint64_t>& counter, std::uint64_t by = 1) noexcept {
    counter.store(counter.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
  }

  root_task accept_loop();
  void admit(tcp::socket socket);
  root_task tick_loop();
  void sweep(clock::time_point now);
  void remove(session& ended) noexcept;
  void run();

  server& owner_;
  const server_settings& settings_;
  std::uint32_t number_;
  asio::io_context io_;
  tcp::acceptor acceptor_;
  asio::steady_timer timer_;
  std::size_t max_sessions_;
  std::unique_ptr<handler> handler_;
  session* first_ = nullptr;
  std::unordered_map<std::string, std::uint32_t> per_address_; ///< only when that is bounded
  std::string date_;
  std::time_t date_second_ = 0;
  bool draining_ = false;
  bool stopping_ = false;
  std::coroutine_handle<> accepting_; ///< until the loop has ended
  std::coroutine_handle<> ticking_;
  counters counters_;
  std::thread thread_;
  std::mutex empty_mutex_;
  std::condition_variable empty_;
  bool thread_ended_ = false;
};

// -- session --------------------------------------------------------------------------------------

/// One connection. Lives on its worker's thread; its coroutine deletes it when the connection ends.
class server::session {
public:
  session(worker& owner, tcp::socket socket, peer_address peer)
    : owner_(owner),
      settings_(owner.settings_),
      socket_(std::move(socket)),
      peer_(std::move(peer)) {
    exchange_.peer = &peer_;
    if (owner_.owner_.tls_) {
      tls_ = std::make_unique<asio::ssl::stream<tcp::socket&>>(socket_,
                                                               owner_.owner_.tls_->context);
    }
  }

  void start() { frame_ = run_and_delete().frame; }

  /// For the end of the worker, when nothing will resume the session any more.
  void destroy() noexcept {
    frame_.destroy();
    delete this;
  }

  void check(clock::time_point now) {
    if (deadline_ > now) return;
    expired_ = true;
    deadline_ = never;
    error_code ignored;
    socket_.cancel(ignored);
  }

  void drain() {
    if (idle_) deadline_ = std::min(deadline_, clock::now() + drain_idle_grace);
  }

  void abort() {
    aborted_ = true;
    error_code ignored;
    socket_.cancel(ignored);
    socket_.shutdown(tcp::socket::shutdown_both, ignored);
  }

private:
  friend class server::worker;

  root_task run_and_delete() {
    try {
      co_await run();
    } catch (const std::exception& thrown) { // out of memory; the connection is all it may cost
      log::error("http", "session_threw",
                 {{"server", owner_.owner_.name_}, {"what", thrown.what()}});
    }
    owner_.remove(*this);
    delete this;
  }

  task<void> run();
  task<bool> handshake();
  task<bool> read_header();
  task<bool> read_body(request_parser& parser);
  task<io_result> read_some(char* data, std::size_t size);
  task<bool> write(std::string_view bytes);
  task<bool> flush();
  task<void> refuse(failure why);
  task<bool> answer();
  task<void> linger();

  bool whole_request_waits() const noexcept {
    return std::string_view{buffer_.get() + begin_, end_ - begin_}.find("\r\n\r\n") !=
           std::string_view::npos;
  }
  void make_room(std::size_t wanted);

  worker& owner_;
  const server_settings& settings_;
  tcp::socket socket_;
  std::unique_ptr<asio::ssl::stream<tcp::socket&>> tls_;
  peer_address peer_;
  exchange exchange_;
  std::string body_;
  std::string out_; ///< answers not sent yet
  std::unique_ptr<char[]> buffer_;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0; ///< of the request being read or answered
  std::size_t end_ = 0;   ///< of what was read
  std::size_t header_size_ = 0;
  clock::time_point deadline_ = never;
  bool idle_ = true;
  bool expired_ = false;
  bool aborted_ = false;
  bool close_ = false;
  bool input_left_ = false; ///< closing while the client may still send
  std::coroutine_handle<> frame_;
  session* next_ = nullptr;
  session* previous_ = nullptr;
};

task<io_result> server::session::read_some(char* data, std::size_t size) {
  io_result got;
  if (tls_)
    got = co_await io_awaiter{
      [&](auto done) { tls_->async_read_some(asio::buffer(data, size), std::move(done)); }};
  else
    got = co_await io_awaiter{
      [&](auto done) { socket_.async_read_some(asio::buffer(data, size), std::move(done)); }};
  worker::count(owner_.counters_.bytes_in, got.bytes);
  co_return got;
}

task<bool> server::session::write(std::string_view bytes) {
  worker::count(owner_.counters_.bytes_out, bytes.size());
  if (!tls_) { // most answers fit into the socket's buffer: no need to wait for anything
    error_code ec;
    auto sent = socket_.write_some(asio::buffer(bytes.data(), bytes.size()), ec);
    if (ec && ec != asio::error::would_block) co_return false;
    if (!ec) bytes.remove_prefix(sent);
  }
  if (bytes.empty()) co_return true;
  deadline_ = clock::now() + settings_.write_timeout;
  while (!bytes.empty()) {
    io_result got;
    if (tls_)
      got = co_await io_awaiter{[&](auto done) {
        tls_->async_write_some(asio::buffer(bytes.data(), bytes.size()), std::move(done));
      }};
    else
      got = co_await io_awaiter{[&](auto done) {
        socket_.async_write_some(asio::buffer(bytes.data(), bytes.size()), std::move(done));
      }};
    if (got.ec || expired_ || aborted_) co_return false;
    bytes.remove_prefix(got.bytes);
  }
  deadline_ = never;
  co_return true;
}

task<bool> server::session::flush() {
  if (out_.empty()) co_return true;
  bool sent = co_await write(out_);
  if (out_.capacity() > max_kept_buffer)
    out_ = {};
  else
    out_.clear();
  co_return sent;
}

void server::session::make_room(std::size_t wanted) {
  if (begin_ > 0) {
    std::memmove(buffer_.get(), buffer_.get() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  if (capacity_ - end_ >= wanted) return;
  auto grown = std::max(capacity_ * 2, end_ + wanted);
  auto larger = std::make_unique_for_overwrite<char[]>(grown);
  if (end_ > 0) std::memcpy(larger.get(), buffer_.get(), end_);
  buffer_ = std::move(larger);
  capacity_ = grown;
}

task<bool> server::session::handshake() {
  deadline_ = clock::now() + settings_.header_timeout;
  auto got = co_await io_awaiter{
    [&](auto done) { tls_->async_handshake(asio::ssl::stream_base::server, std::move(done)); }};
  deadline_ = never;
  if (got.ec) worker::count(owner_.counters_.tls_failed);
  co_return !got.ec && !expired_ && !aborted_;
}

/// Reads until a whole header is there. False: the connection is to be closed, after `flush`.
task<bool> server::session::read_header() {
  idle_ = begin_ == end_;
  std::size_t searched = 0;
  deadline_ = clock::now() + (idle_ ? settings_.idle_timeout : settings_.header_timeout);
  if (idle_ && owner_.draining_) deadline_ = clock::now() + drain_idle_grace;
  for (;;) {
    while (begin_ < end_ && (buffer_[begin_] == '\r' || buffer_[begin_] == '\n') && searched == 0)
      ++begin_; // empty lines before a request are allowed (RFC 9112, 2.2)
    std::string_view input{buffer_.get() + begin_, end_ - begin_};
    if (!input.empty() && (input[0] < 'A' || input[0] > 'z')) {
      co_await refuse({errc::malformed_request, "this is not an HTTP request", {}, {}});
      co_return false;
    }
    auto found = input.find("\r\n\r\n", searched);
    if (found != std::string_view::npos && found + 4 <= settings_.max_header) {
      header_size_ = found + 4;
      break;
    }
    auto line = input.find("\r\n");
    if ((line == std::string_view::npos ? input.size() : line) > max_request_line) {
      co_await refuse({errc::uri_too_long, "the request line is too long", {}, {}});
      co_return false;
    }
    if (input.size() >= settings_.max_header) {
      co_await refuse({errc::header_too_large, "the header is too large", {}, {}});
      co_return false;
    }
    searched = input.size() > 3 ? input.size() - 3 : 0;
    if (input.empty()) begin_ = end_ = 0;
    if (capacity_ - end_ < 1024) make_room(first_buffer / 2);
    auto got = co_await read_some(buffer_.get() + end_, capacity_ - end_);
    if (aborted_) co_return false;
    if (expired_) {
      expired_ = false;
      if (!idle_) {
        worker::count(owner_.counters_.timed_out);
        co_await refuse({errc::request_timeout, "the request's header took too long", {}, {}});
      }
      co_return false;
    }
    if (got.ec) {
      // The end of the input between requests is how connections end.
      if (got.ec == asio::error::eof && begin_ < end_)
        co_await refuse(failure_of(boost::beast::http::error::partial_message));
      co_return false;
    }
    end_ += got.bytes;
    if (idle_) {
      idle_ = false;
      deadline_ = clock::now() + settings_.header_timeout;
    }
  }
  idle_ = false;
  deadline_ = never;
  // The header's place must not change any more while its body is read behind it.
  if (capacity_ - end_ < body_room) make_room(body_room);
  co_return true;
}

task<bool> server::session::read_body(request_parser& parser) {
  auto& in = exchange_.in;
  auto header_end = begin_ + header_size_;
  deadline_ = clock::now() + settings_.body_timeout;
  bool asked = !in.http_1_0 && in.has(field::expect) && is_continue_expected(in[field::expect]);
  for (;;) {
    std::size_t used = 0;
    auto ec = parser.read_body({buffer_.get() + header_end, end_ - header_end}, used);
    if (ec) {
      input_left_ = true;
      co_await refuse(failure_of(ec));
      co_return false;
    }
    if (parser.is_done()) {
      header_size_ += used;
      break;
    }
    // What the parser left, the start of a chunk's header, stays in front of what is read next.
    std::memmove(buffer_.get() + header_end, buffer_.get() + header_end + used,
                 end_ - header_end - used);
    end_ -= used;
    if (end_ == capacity_) { // more than `body_room` without a chunk header's end
      input_left_ = true;
      co_await refuse({errc::malformed_request, "a chunk is not valid", {}, {}});
      co_return false;
    }
    if (std::exchange(asked, false)) {
      out_.append("HTTP/1.1 100 Continue\r\n\r\n");
      if (!co_await flush()) co_return false;
      deadline_ = clock::now() + settings_.body_timeout;
    }
    auto got = co_await read_some(buffer_.get() + end_, capacity_ - end_);
    if (aborted_) co_return false;
    if (expired_) {
      expired_ = false;
      worker::count(owner_.counters_.timed_out);
      co_await refuse({errc::request_timeout, "the request's body took too long", {}, {}});
      co_return false;
    }
    if (got.ec) {
      if (got.ec == asio::error::eof)
        co_await refuse(failure_of(boost::beast::http::error::partial_message));
      co_return false;
    }
    end_ += got.bytes;
  }
  deadline_ = never;
  co_return true;
}

/// Answers what is no request; the connection is closed afterwards.
task<void> server::session::refuse(failure why) {
  worker::count(owner_.counters_.malformed);
  exchange_.out.reset();
  exchange_.started = clock::now();
  owner_.handler_->refuse(exchange_, std::move(why));
  exchange_.out.close = true;
  deadline_ = never;
  close_ = true;
  input_left_ = true;
  co_await answer();
}

/// Appends the answer, and sends it unless another request already waits behind it.
task<bool> server::session::answer() {
  const auto& answer = exchange_.out;
  close_ = close_ || answer.close || owner_.draining_ || !exchange_.in.keep_alive;
  bool separate = append_answer(out_, exchange_.in, answer, owner_.date_, close_);
  if (separate) {
    if (!co_await flush()) co_return false;
    co_return co_await write(answer.static_body);
  }
  if (!close_ && out_.size() < max_coalesced && begin_ < end_ && whole_request_waits())
    co_return true;
  co_return co_await flush();
}

/// Lets the client read the last answer: closing with unread input would reset the connection.
task<void> server::session::linger() {
  error_code ignored;
  socket_.shutdown(tcp::socket::shutdown_send, ignored);
  deadline_ = clock::now() + linger_timeout;
  if (capacity_ < body_room) make_room(body_room);
  for (std::size_t total = 0; total < max_lingered;) {
    auto got = co_await io_awaiter{[&](auto done) {
      socket_.async_read_some(asio::buffer(buffer_.get(), capacity_), std::move(done));
    }};
    if (got.ec || expired_ || aborted_) break;
    total += got.bytes;
  }
}

task<void> server::session::run() {
  if (tls_ && !co_await handshake()) co_return;
  make_room(first_buffer);
  while (!close_) {
    auto& in = exchange_.in;
    in = {};
    header_size_ = 0;
    if (!co_await read_header()) break;
    body_.clear();
    request_parser parser{in, body_, settings_.max_header, settings_.max_body};
    auto ec = parser.read_header({buffer_.get() + begin_, header_size_});
    if (!ec && !in.http_1_0 && (!in.has(field::host) || in.is_repeated(field::host))) {
      co_await refuse({errc::malformed_request, "one Host field is required", {}, {}});
      break;
    }
    if (ec) {
      co_await refuse(failure_of(ec));
      break;
    }
    if (!parser.is_done() && !co_await read_body(parser)) break;
    in.body = body_;
    auto next = begin_ + header_size_;
    exchange_.out.reset();
    exchange_.started = clock::now();
    co_await owner_.handler_->handle(exchange_);
    if (aborted_) break;
    begin_ = next;
    if (!co_await answer()) break;
    if (exchange_.out.body.capacity() > max_kept_buffer) exchange_.out.body = {};
    if (body_.capacity() > max_kept_buffer) body_ = {};
  }
  if (!aborted_ && !expired_) {
    co_await flush();
    if (input_left_ && !tls_) co_await linger();
  }
  error_code ignored;
  if (tls_ && !expired_ && !aborted_)
    ::SSL_shutdown(tls_->native_handle()); // says so, waits for nothing
  socket_.shutdown(tcp::socket::shutdown_both, ignored);
  socket_.close(ignored);
}

// -- worker, continued ----------------------------------------------------------------------------

server::worker::~worker() {
  if (thread_.joinable()) thread_.join();
  while (first_) {
    auto* ended = first_;
    first_ = ended->next_;
    ended->destroy();
  }
  if (accepting_) accepting_.destroy();
  if (ticking_) ticking_.destroy();
  handler_.reset();
}

result<void> server::worker::open(std::uint16_t port) {
  error_code ec;
  auto address = asio::ip::make_address(settings_.address, ec);
  if (ec) return fail(errc::internal, "'" + settings_.address + "' is not an address");
  tcp::endpoint endpoint{address, port};
  acceptor_.open(endpoint.protocol(), ec);
  if (!ec) acceptor_.set_option(tcp::acceptor::reuse_address(true), ec);
  int on = 1;
  // Each thread has an acceptor of its own on the port; the kernel spreads the connections.
  if (!ec && settings_.threads > 1 &&
      ::setsockopt(acceptor_.native_handle(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0)
    ec = {errno, boost::system::system_category()};
  if (!ec) acceptor_.bind(endpoint, ec);
  if (!ec) acceptor_.listen(1024, ec);
  if (!ec) acceptor_.non_blocking(true, ec);
  if (ec)
    return fail(errc::internal, "cannot listen on " + settings_.address + ":" +
                                  std::to_string(port) + ": " + ec.message());
  return {};
}

void server::worker::start() {
  handler_ = owner_.make_handler_(io_, number_);
  date_second_ = std::time(nullptr);
  date_ = date_text(date_second_);
  asio::post(io_, [this] {
    accepting_ = accept_loop().frame;
    ticking_ = tick_loop().frame;
  });
  thread_ = std::thread([this] { run(); });
}

void server::worker::run() {
  auto guard = asio::make_work_guard(io_);
  for (;;) {
    try {
      io_.run();
      break;
    } catch (const std::exception& thrown) { // from a handler of ours: a fault, but not the end
      log::error("http", "handler_threw", {{"server", owner_.name_}, {"what", thrown.what()}});
    }
  }
  std::lock_guard lock{empty_mutex_};
  thread_ended_ = true;
  empty_.notify_all();
}

root_task server::worker::accept_loop() {
  std::optional<tcp::socket> next;
  while (!stopping_ && acceptor_.is_open()) {
    next.emplace(io_);
    auto got = co_await io_awaiter{
      [&](auto done) { acceptor_.async_accept(*next, std::move(done)); }};
    if (got.ec == asio::error::operation_aborted) break;
    if (got.ec) { // out of descriptors, most likely: wait for some to come back
      asio::steady_timer pause{io_, 100ms};
      co_await io_awaiter{[&](auto done) { pause.async_wait(std::move(done)); }};
      continue;
    }
    admit(std::move(*next));
    // What else waits is taken at once, without going round the loop.
    for (int more = 0; more < 64; ++more) {
      error_code ec;
      tcp::socket socket{io_};
      if (!acceptor_.is_open()) break;
      acceptor_.accept(socket, ec);
      if (ec) break;
      admit(std::move(socket));
    }
  }
  accepting_ = {};
}

void server::worker::admit(tcp::socket socket) {
  error_code ec;
  auto endpoint = socket.remote_endpoint(ec);
  if (ec) return; // gone already
  auto peer = address_of(endpoint);
  socket.set_option(tcp::no_delay(true), ec);
  socket.non_blocking(true, ec);
  bool full = counters_.open.load(std::memory_order_relaxed) >= max_sessions_;
  if (settings_.max_connections_per_address > 0 && !full) {
    auto& open = per_address_[peer.text];
    full = open >=
           std::max(1u, settings_.max_connections_per_address / std::max(1u, settings_.threads));
    if (!full) ++open;
  }
  if (full) {
    count(counters_.rejected);
    if (!owner_.tls_) socket.write_some(asio::buffer(busy_answer.data(), busy_answer.size()), ec);
    return;
  }
  count(counters_.accepted);
  counters_.open.store(counters_.open.load(std::memory_order_relaxed) + 1,
                       std::memory_order_relaxed);
  auto* added = new session{*this, std::move(socket), std::move(peer)};
  added->next_ = first_;
  if (first_) first_->previous_ = added;
  first_ = added;
  added->start();
}

void server::worker::remove(session& ended) noexcept {
  if (ended.previous_)
    ended.previous_->next_ = ended.next_;
  else
    first_ = ended.next_;
  if (ended.next_) ended.next_->previous_ = ended.previous_;
  if (auto at = per_address_.find(ended.peer_.text); at != per_address_.end() && --at->second == 0)
    per_address_.erase(at);
  counters_.open.store(counters_.open.load(std::memory_order_relaxed) - 1,
                       std::memory_order_relaxed);
  if (!first_ && draining_) {
    std::lock_guard lock{empty_mutex_};
    empty_.notify_all();
  }
}

root_task server::worker::tick_loop() {
  for (int round = 0; !stopping_; ++round) {
    timer_.expires_after(tick_interval);
    co_await io_awaiter{[&](auto done) { timer_.async_wait(std::move(done)); }};
    auto now = clock::now();
    if (auto second = std::time(nullptr); second != date_second_) {
      date_second_ = second;
      date_ = date_text(second);
    }
    handler_->tick(now);
    if (round % 4 == 0) sweep(now);
  }
  ticking_ = {};
}

void server::worker::sweep(clock::time_point now) {
  for (auto* at = first_; at;) {
    auto* next = at->next_;
    at->check(now);
    at = next;
  }
}

void server::worker::begin_drain() {
  asio::post(io_, [this] {
    if (draining_) return;
    // Connections that wait to be accepted would be reset: take them first.
    error_code ec;
    for (int more = 0; more < 1024; ++more) {
      tcp::socket socket{io_};
      acceptor_.accept(socket, ec);
      if (ec) break;
      admit(std::move(socket));
    }
    draining_ = true;
    acceptor_.close(ec);
    for (auto* at = first_; at; at = at->next_) at->drain();
    if (!first_) {
      std::lock_guard lock{empty_mutex_};
      empty_.notify_all();
    }
  });
}

bool server::worker::wait_until_empty(clock::time_point deadline) {
  std::unique_lock lock{empty_mutex_};
  return empty_.wait_until(lock, deadline, [this] {
    return thread_ended_ || counters_.open.load(std::memory_order_relaxed) == 0;
  });
}

void server::worker::begin_stop() {
  asio::post(io_, [this] {
    stopping_ = true;
    draining_ = true;
    error_code ec;
    acceptor_.close(ec);
    timer_.cancel();
    for (auto* at = first_; at;) {
      auto* next = at->next_;
      at->abort();
      at = next;
    }
    handler_->stop();
    if (!first_) {
      std::lock_guard lock{empty_mutex_};
      empty_.notify_all();
    }
  });
}

void server::worker::finish_stop(clock::time_point deadline) {
  if (!thread_.joinable()) return;
  wait_until_empty(deadline);
  io_.stop();
  thread_.join();
}

void server::worker::add_to(server_counts& sum) const {
  auto get = [](const std::atomic<std::uint64_t>& c) { return c.load(std::memory_order_relaxed); };
  sum.accepted += get(counters_.accepted);
  sum.rejected += get(counters_.rejected);
  sum.open += get(counters_.open);
  sum.malformed += get(counters_.malformed);
  sum.timed_out += get(counters_.timed_out);
  sum.tls_failed += get(counters_.tls_failed);
  sum.bytes_in += get(counters_.bytes_in);
  sum.bytes_out += get(counters_.bytes_out);
}

// -- server ---------------------------------------------------------------------------------------

server::server(server_settings settings, std::string name, handler_factory make_handler)
  : settings_(std::move(settings)), name_(std::move(name)), make_handler_(std::move(make_handler)) {
  settings_.threads = std::max(1u, settings_.threads);
}

server::~server() { stop(); }

result<void> server::start() {
  if (!settings_.tls_certificate_file.empty()) {
    tls_ = std::make_unique<tls_context>();
    error_code ec;
    auto& context = tls_->context;
    context.set_options(asio::ssl::context::default_workarounds | asio::ssl::context::no_sslv2 |
                          asio::ssl::context::no_sslv3 | asio::ssl::context::no_tlsv1 |
                          asio::ssl::context::no_tlsv1_1 | asio::ssl::context::single_dh_use,
                        ec);
    ::SSL_CTX_set_min_proto_version(context.native_handle(), TLS1_2_VERSION);
    context.use_certificate_chain_file(settings_.tls_certificate_file, ec);
    if (ec) return fail(errc::internal, "cannot use the TLS certificate: " + ec.message());
    context.use_private_key_file(settings_.tls_key_file, asio::ssl::context::pem, ec);
    if (ec) return fail(errc::internal, "cannot use the TLS key: " + ec.message());
  }
  auto port = settings_.port;
  for (std::uint32_t number = 0; number < settings_.threads; ++number) {
    auto added = std::make_unique<worker>(*this, number);
    if (auto opened = added->open(port); !opened) {
      workers_.clear();
      return opened;
    }
    port = added->port();
    workers_.push_back(std::move(added));
  }
  port_ = port;
  for (auto& each : workers_) each->start();
  return {};
}

bool server::drain(clock::time_point deadline) {
  for (auto& each : workers_) each->begin_drain();
  bool empty = true;
  for (auto& each : workers_) empty = each->wait_until_empty(deadline) && empty;
  return empty;
}

void server::stop() {
  for (auto& each : workers_) each->begin_stop();
  auto deadline = clock::now() + 1s;
  for (auto& each : workers_) each->finish_stop(deadline);
  workers_.clear();
}

server_counts server::counts() const {
  server_counts sum;
  for (const auto& each : workers_) each->add_to(sum);
  return sum;
}

} // namespace troupe::gateway::http
