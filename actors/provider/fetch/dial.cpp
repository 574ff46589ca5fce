#include "actors/provider/fetch/dial.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <memory>
#include <optional>
#include <vector>

namespace troupe::provider {

namespace asio = boost::asio;
using boost::system::error_code;
using clock = std::chrono::steady_clock;
using tcp = asio::ip::tcp;

namespace {

constexpr auto use_result = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t most_addresses = 8; ///< tried of one name

/// The system's resolver cannot be interrupted; so whoever waits for it waits for a timer, and what comes later
/// finds nobody.
struct resolution {
  explicit resolution(const asio::any_io_executor& executor) : resolver(executor), wake(executor) {}

  tcp::resolver resolver;
  asio::steady_timer wake;
  std::optional<error_code> done;
  std::vector<tcp::endpoint> found;
};

asio::awaitable<fetch_result<std::vector<tcp::endpoint>>> resolve(const fetch_target& target,
                                                                  clock::time_point deadline) {
  using endpoints = std::vector<tcp::endpoint>;
  error_code no_address;
  const auto address = asio::ip::make_address(target.host, no_address);
  if (!no_address) co_return endpoints{{address, target.port}};

  const auto executor = co_await asio::this_coro::executor;
  auto state = std::make_shared<resolution>(executor);
  state->wake.expires_at(deadline);
  state->resolver.async_resolve(
    target.host, std::to_string(target.port), tcp::resolver::numeric_service,
    asio::bind_executor(executor, [state](error_code error, const auto& results) {
      state->done = error;
      for (const auto& each : results) state->found.push_back(each.endpoint());
      state->wake.cancel();
    }));
  co_await state->wake.async_wait(use_result);
  state->resolver.cancel();
  if (!state->done)
    co_return stop(fetch_failure::timeout, "the name server did not answer in time");
  if (*state->done) co_return stop(fetch_failure::dns, target.host + ": " + state->done->message());
  co_return std::move(state->found);
}

} // namespace

asio::awaitable<fetch_result<boost::beast::tcp_stream>> dial(const fetch_target& target,
                                                             address_rule allowed,
                                                             clock::time_point deadline) {
  auto resolved = co_await resolve(target, deadline);
  if (!resolved) co_return std::unexpected(std::move(resolved.error()));
  auto& endpoints = *resolved;
  std::erase_if(endpoints, [&](const auto& each) { return !allowed(each.address()); });
  if (endpoints.empty())
    co_return stop(fetch_failure::refused_address,
                   target.host + " has no address that may be connected to");
  endpoints.resize(std::min(endpoints.size(), most_addresses));

  const auto executor = co_await asio::this_coro::executor;
  error_code error;
  for (std::size_t tried = 0; tried < endpoints.size(); ++tried) {
    boost::beast::tcp_stream stream{executor};
    const auto now = clock::now();
    stream.expires_at(now + (deadline - now) / static_cast<long>(endpoints.size() - tried));
    std::tie(error) = co_await stream.async_connect(endpoints[tried], use_result);
    if (!error) co_return std::move(stream);
    if ((co_await asio::this_coro::cancellation_state).cancelled() != asio::cancellation_type::none)
      break;
  }
  co_return stop(failure_of(error) == fetch_failure::timeout ? fetch_failure::timeout
                                                             : fetch_failure::connect,
                 target.authority + ": " + error.message());
}

} // namespace troupe::provider
