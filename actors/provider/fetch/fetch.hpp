#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ssl/context.hpp>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"

// GET of a provider's feed by HTTP/1.1, plain or through TLS. The other side is trusted with nothing: whatever
// it sends, or does not send, costs bounded time and memory.

namespace troupe::provider {

struct fetch_limits {
  std::uint64_t max_bytes = 256 * 1024 * 1024; ///< of the body, as sent and as decoded
  std::uint32_t max_header_bytes = 16 * 1024;
  std::chrono::milliseconds connect_timeout{5'000}; ///< from the name to the end of TLS's handshake
  std::chrono::milliseconds idle_timeout{10'000};   ///< between two pieces from the server
  std::chrono::milliseconds total_timeout{60'000};  ///< redirects and the sink's waiting included
  std::uint32_t max_redirects = 3;
};

struct fetch_request {
  std::string url;
  std::string if_none_match;     ///< a former outcome's `etag`; empty: none
  std::string if_modified_since; ///< a former outcome's `last_modified`; empty: none
  fetch_limits limits;
  bool allow_private = false; ///< also addresses that are not public, see address_rules.hpp
};

/// Why there is no whole answer. The names are labels of metrics.
enum class fetch_failure : std::uint8_t {
  bad_url,         ///< no http or https, a user or password in it, or a redirect from https to http
  refused_address, ///< all addresses of the host are private or reserved
  dns,
  connect,
  tls, ///< the handshake failed; mostly a certificate that does not verify
  timeout,
  too_large,
  truncated,    ///< the connection ended before the answer did
  bad_response, ///< no HTTP, or a header over its bound
  bad_encoding, ///< not the gzip it says it is, or an encoding that was not asked for
  http_status,  ///< neither a body nor "not modified"; see `status`
  too_many_redirects,
  cancelled, ///< by the sink or by the coroutine's cancellation
};
std::string_view to_string(fetch_failure what) noexcept;

struct fetch_outcome {
  int status = 0; ///< of the last answer; 0: there was none
  bool not_modified = false;
  std::string etag, last_modified; ///< for the next request; empty: the server sent none
  std::uint64_t bytes = 0;         ///< of the decoded body; all of them went to the sink
  std::optional<fetch_failure> failure;
  std::string detail; ///< of the failure, for the operator; at most 256 bytes
  std::chrono::milliseconds took{0};
  std::optional<std::chrono::seconds> retry_after; ///< when the server asked for it; at most a day
};

/// Takes the decoded body, in pieces of at most 64 KiB that are valid until it is done. While it waits, no more
/// is read from the server. False cancels the fetch. When the fetch fails later, what it took is void.
using body_sink = std::function<boost::asio::awaitable<bool>(std::string_view piece)>;

/// Follows redirects, asks for gzip and decodes it. Every address is checked after the name was resolved and then
/// connected to itself, so that a name that changes its mind gains nothing. `tls` must outlive it and
/// is for `https` only. Runs on the executor of the coroutine that awaits it, which must run its
/// handlers one at a time (a strand, or an io_context of one thread); blocks nowhere. An io_context resolves
/// one name at a time: a slow name server delays other fetches there, within their time-outs.
/// Cancellation of the coroutine ends it with `cancelled`. Throws only what the sink throws.
boost::asio::awaitable<fetch_outcome> fetch(boost::asio::ssl::context& tls, fetch_request what,
                                            body_sink sink);

/// TLS 1.2 and newer, for `fetch`; trusts the authorities in `ca_file` (PEM), or the system's when it is
/// empty. Error: `precondition_failed` when the file does not do.
result<std::shared_ptr<boost::asio::ssl::context>> make_fetch_tls(
  const std::filesystem::path& ca_file);

/// What can be told without asking a name server: the form, the scheme, no user or password, and, unless
/// `allow_private`, an address or `localhost` in it that `fetch` would refuse. Error: `invalid_field` with a
/// text for the client.
result<void> validate_provider_url(std::string_view url, bool allow_private);

} // namespace troupe::provider
