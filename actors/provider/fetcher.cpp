#include "actors/provider/fetcher.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <exception>
#include <sys/resource.h>
#include <thread>
#include <unistd.h>
#include <utility>

#include "actors/api/errors.hpp"
#include "actors/provider/answer_keeper.hpp"
#include "actors/provider/feed/feed_reader.hpp"
#include "base/log.hpp"

namespace troupe {

namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;

/// A batch is handed over when it has one of these.
constexpr std::size_t batch_events = 128;
constexpr std::size_t batch_zones = 8 * 1024;
/// How long the shard may take for a batch: its own writes wait for a database that comes back.
constexpr auto store_timeout = 30s;
constexpr auto stop_poll = 100ms;
/// Of a kept answer, in one row.
constexpr std::size_t piece_bytes = 256 * 1024;
constexpr std::string_view to_store = "store";
constexpr std::string_view to_parse = "feed";

/// One fetch from its start to its end, on the fetcher's own thread.
class fetch_run {
public:
  fetch_run(caf::actor_system& system, run_fetch& what)
    : self_(system),
      what_(what),
      reader_({.event = [this](feed_event&& event) { take(std::move(event)); },
               .reject = [this](feed_reject&& reject) { take(std::move(reject)); }},
              find_feed_format(what.order.format)) {}

  template <class Message>
  using answer_to = std::conditional_t<std::is_same_v<Message, end_fetch>, outcome<provider_seen>,
                                       outcome<events_stored>>;

  void carry_out() {
    const auto began = std::chrono::steady_clock::now();
    end_fetch end;
    end.provider_id = what_.order.provider_id;
    end.fetch = what_.order.number;
    try {
      fetch(end);
    } catch (const std::exception& thrown) {
      log::error("fetcher", "threw", {{"provider", what_.order.provider}, {"what", thrown.what()}});
      fail_with(end, "internal", "a fault of this program; its log has more");
    }
    end.took_ms = std::chrono::duration_cast<std::chrono::milliseconds>(
                    std::chrono::steady_clock::now() - began)
                    .count();
    end.events = events_;
    end.rejected = rejected_;
    end.changed = changed_;
    // Before whoever waits for it hears of the end, and may ask for the next.
    what_.service->ended();
    if (!unknown_) ask(std::move(end));
  }

private:
  static void fail_with(end_fetch& end, std::string_view kind, std::string detail) {
    end.failure = kind;
    end.detail = std::move(detail);
  }

  void fetch(end_fetch& end) {
    asio::io_context io{1};
    asio::cancellation_signal cancel;
    std::optional<provider::fetch_outcome> outcome;
    std::exception_ptr thrown;
    auto sink = [this](std::string_view piece) -> asio::awaitable<bool> { co_return take(piece); };
    asio::co_spawn(io, provider::fetch(what_.service->tls(), what_.order.request, sink),
                   asio::bind_cancellation_slot(
                     cancel.slot(), [&](std::exception_ptr error, provider::fetch_outcome got) {
                       thrown = error;
                       outcome = std::move(got);
                     }));
    while (!outcome) {
      if (io.run_for(stop_poll) == 0 && io.stopped()) break;
      if (what_.service->stopping()) cancel.emit(asio::cancellation_type::terminal);
    }
    if (thrown) std::rethrow_exception(thrown);
    if (!outcome) return fail_with(end, "internal", "the fetch did not end");
    end.not_modified = outcome->not_modified;
    end.bytes = static_cast<std::int64_t>(outcome->bytes);
    end.retry_after = outcome->retry_after;
    if (!problem_.first.empty()) return fail_with(end, problem_.first, std::move(problem_.second));
    if (outcome->failure)
      return fail_with(end, to_string(*outcome->failure), std::move(outcome->detail));
    if (outcome->not_modified) return;

    // Of a document that is not whole nobody can say what it no longer has.
    if (auto whole = reader_.finish(); !whole)
      return fail_with(end, to_parse, std::move(whole.error().detail));
    if (hand_over())
      while (auto dropped = ask(drop_missing{what_.order.provider_id, what_.order.number})) {
        if (dropped->value.changed == 0) break;
        changed_ += dropped->value.changed;
      }
    if (!problem_.first.empty()) return fail_with(end, problem_.first, std::move(problem_.second));
    end.etag = std::move(outcome->etag);
    end.last_modified = std::move(outcome->last_modified);
    if (reader_.format()) end.format = reader_.format()->name();
    end.answer_digest = answer_.sum();
    if (end.answer_digest != what_.order.answer_digest) keep_whole_answer();
    if (!problem_.first.empty()) return fail_with(end, problem_.first, std::move(problem_.second));
  }

  /// In units small enough for others' writes to come between. Of an answer that is too large to be kept there
  /// is one empty piece, so that the one before does not pass for it.
  void keep_whole_answer() {
    const auto whole = answer_.take();
    std::int32_t place = 0;
    std::string_view rest{whole};
    do {
      const auto piece = rest.substr(0, piece_bytes);
      if (!ask(
            keep_answer{what_.order.provider_id, what_.order.number, place++, std::string{piece}}))
        return;
      rest.remove_prefix(piece.size());
    } while (!rest.empty());
  }

  /// A piece of the body. False: no more is wanted.
  bool take(std::string_view piece) {
    answer_.add(piece);
    if (auto read = reader_.feed(piece); !read) {
      problem_ = {std::string{to_parse}, std::move(read.error().detail)};
      return false;
    }
    if (batch_.events.size() >= batch_events || zones_ >= batch_zones) return hand_over();
    return !what_.service->stopping();
  }

  void take(feed_event&& event) {
    ++events_;
    zones_ += event.zones.size();
    batch_.events.push_back(std::move(event));
  }
  void take(feed_reject&& reject) {
    ++rejected_;
    batch_.rejects.push_back(
      {std::move(reject.base_id), std::move(reject.id), std::move(reject.reason), reject.line});
  }

  bool hand_over() {
    auto batch = std::exchange(batch_, {});
    zones_ = 0;
    if (batch.events.empty() && batch.rejects.empty()) return true;
    batch.provider_id = what_.order.provider_id;
    batch.fetch = what_.order.number;
    auto stored = ask(std::move(batch));
    if (stored) changed_ += stored->value.changed;
    return stored.has_value();
  }

  /// Waits for the shard. Nothing: it could not, `problem_` says why.
  template <class Message>
  std::optional<answer_to<Message>> ask(Message message) {
    std::optional<answer_to<Message>> got;
    self_->request(what_.listener, store_timeout, std::move(message))
      .receive([&](answer_to<Message>& given) { got = std::move(given); },
               [&](const caf::error& error) {
                 const auto why = from_caf_error(error);
                 unknown_ = why.code == errc::not_found || why.code == errc::not_owner;
                 problem_ = {std::string{to_store}, std::string{to_string(why.code)}};
               });
    return got;
  }

  caf::scoped_actor self_;
  run_fetch& what_;
  feed_reader reader_;
  answer_keeper answer_;
  store_events batch_;
  std::size_t zones_ = 0; ///< of the batch
  std::int64_t events_ = 0;
  std::int64_t rejected_ = 0;
  std::int64_t changed_ = 0;
  bool unknown_ = false;                        ///< the shard does not want to hear of it any more
  std::pair<std::string, std::string> problem_; ///< kind and detail; empty: none
};

/// A large feed takes seconds of parsing, which nobody waits for: whoever answers requests goes first. (Linux
/// keeps a nice value for each thread.)
constexpr int fetch_nice = 10;

/// On a thread of its own, because CAF uses its detached threads again and a nice value cannot be raised.
void carry_out_politely(caf::actor_system& system, run_fetch& what) {
  std::thread worker{[&] {
    setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), fetch_nice);
    fetch_run{system, what}.carry_out();
  }};
  worker.join();
}

using fetcher_actor = caf::typed_actor<caf::result<void>(run_fetch)>;

fetcher_actor::behavior_type fetcher(fetcher_actor::pointer self) {
  return {
    [self](run_fetch& what) {
      carry_out_politely(self->system(), what);
      self->quit();
    },
  };
}

} // namespace

fetch_service::fetch_service(const fetch_service_settings& settings,
                             std::shared_ptr<boost::asio::ssl::context> tls)
  : settings_(settings), tls_(std::move(tls)), running_(settings.at_once) {}

result<std::shared_ptr<fetch_service>> fetch_service::make(const fetch_service_settings& settings) {
  auto tls = provider::make_fetch_tls(settings.ca_file);
  if (!tls) return std::unexpected(std::move(tls.error()));
  return std::make_shared<fetch_service>(settings, std::move(*tls));
}

bool fetch_service::start(caf::actor_system& system, fetch_order order, fetch_listener listener) {
  if (stopping() || !running_.try_take()) return false;
  order.request.limits = settings_.limits;
  order.request.allow_private = settings_.allow_private;
  caf::anon_send(system.spawn<caf::detached>(fetcher),
                 run_fetch{shared_from_this(), std::move(order), std::move(listener)});
  return true;
}

} // namespace troupe
