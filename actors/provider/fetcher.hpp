#pragma once

#include <atomic>
#include <boost/asio/ssl/context.hpp>
#include <caf/all.hpp>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "actors/provider/fetch/fetch.hpp"
#include "actors/provider/messages.hpp"
#include "base/credits.hpp"

namespace troupe {

/// Whom a fetcher tells what it reads: the shard that started it.
using fetch_listener = caf::typed_actor<caf::result<outcome<events_stored>>(store_events),
                                        caf::result<outcome<events_stored>>(drop_missing),
                                        caf::result<outcome<events_stored>>(keep_answer),
                                        caf::result<outcome<provider_seen>>(end_fetch)>;

/// One fetch to be made.
struct fetch_order {
  uuid provider_id;
  std::string provider; ///< its name, for logs
  std::uint64_t number = 0;
  provider::fetch_request request;
  std::string format;     ///< empty: told by the feed
  digest answer_digest{}; ///< of the last answer, which is kept already
};

struct fetch_service_settings {
  bool allow_private = false; ///< also addresses that are not public
  std::uint32_t at_once = 4;  ///< fetches that run side by side on this node
  provider::fetch_limits limits;
  std::filesystem::path ca_file; ///< empty: the system's authorities
};

/// What fetches of one node share. Any thread.
class fetch_service : public std::enable_shared_from_this<fetch_service> {
public:
  /// Errors: those of `make_fetch_tls`.
  static result<std::shared_ptr<fetch_service>> make(const fetch_service_settings& settings);
  fetch_service(const fetch_service_settings& settings,
                std::shared_ptr<boost::asio::ssl::context> tls);

  boost::asio::ssl::context& tls() noexcept { return *tls_; }

  /// Starts a fetcher: a detached actor with a thread and an io_context of its own, which reads and parses
  /// what comes and waits for the shard between two batches of events, so that a fast provider fills no
  /// memory. It always ends with `end_fetch`, unless the shard knows it no more. False: so many run
  /// already; try again later.
  bool start(caf::actor_system& system, fetch_order order, fetch_listener listener);

  /// Ends what runs, within a fraction of a second; nothing starts from then on.
  void stop() noexcept { stopping_.store(true); }
  bool stopping() const noexcept { return stopping_.load(std::memory_order_relaxed); }
  void ended() noexcept { running_.give_back(); } ///< of a fetcher, before it tells its end

private:
  const fetch_service_settings settings_;
  std::shared_ptr<boost::asio::ssl::context> tls_;
  credits running_;
  std::atomic<bool> stopping_{false};
};

/// Tells a fetcher to do its one fetch.
struct run_fetch {
  std::shared_ptr<fetch_service> service;
  fetch_order order;
  fetch_listener listener;
};

} // namespace troupe
