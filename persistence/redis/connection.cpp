#include "persistence/redis/connection.hpp"

#include <cerrno>
#include <cstring>
#include <hiredis/hiredis.h>
#include <hiredis/hiredis_ssl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <system_error>

namespace troupe {

namespace {

timeval to_timeval(std::chrono::milliseconds time) {
  return {.tv_sec = static_cast<time_t>(time.count() / 1000),
          .tv_usec = static_cast<suseconds_t>(time.count() % 1000 * 1000)};
}

bool is_ip_address(const std::string& host) {
  auto* parsed = a2i_IPADDRESS(host.c_str());
  if (parsed == nullptr) {
    ERR_clear_error();
    return false;
  }
  ASN1_OCTET_STRING_free(parsed);
  return true;
}

} // namespace

void redis_reply_deleter::operator()(redisReply* reply) const noexcept { freeReplyObject(reply); }

void redis_connection::context_deleter::operator()(redisContext* context) const noexcept {
  redisFree(context);
}

std::string redis_connection::why() const {
  if (context_->err == 0) return "unknown";
  return context_->errstr;
}

std::expected<redis_connection, std::string> redis_connection::open(
  const redis_address& address, std::chrono::milliseconds connect_timeout,
  std::chrono::milliseconds command_timeout) {
  const auto patience = to_timeval(connect_timeout);
  redisOptions options{};
  if (address.socket_path.empty()) {
    REDIS_OPTIONS_SET_TCP(&options, address.host.c_str(), address.port);
  } else {
    REDIS_OPTIONS_SET_UNIX(&options, address.socket_path.c_str());
  }
  options.connect_timeout = &patience;
  options.command_timeout = &patience;
  redis_connection made{context_ptr{redisConnectWithOptions(&options)}};
  if (!made.context_) return std::unexpected("out of memory");
  if (made.context_->err != 0) return std::unexpected(made.why());
  // Nothing must be allocated for a reply that only a broken server sends.
  made.context_->reader->maxelements = 1'000'000;
  if (address.tls)
    if (auto done = made.speak_tls(address); !done) return std::unexpected(std::move(done.error()));
  if (auto done = made.introduce(address, connect_timeout); !done)
    return std::unexpected(std::move(done.error()));
  redisSetTimeout(made.context_.get(), to_timeval(command_timeout));
  return made;
}

std::expected<void, std::string> redis_connection::speak_tls(const redis_address& address) {
  using ssl_ctx_ptr = std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)>;
  ssl_ctx_ptr shared{SSL_CTX_new(TLS_client_method()), &SSL_CTX_free};
  if (!shared) return std::unexpected("no TLS context");
  SSL_CTX_set_min_proto_version(shared.get(), TLS1_2_VERSION);
  SSL_CTX_set_default_verify_paths(shared.get());
  SSL_CTX_set_verify(shared.get(), SSL_VERIFY_PEER, nullptr);
  // Holds the context.
  std::unique_ptr<SSL, decltype(&SSL_free)> session{SSL_new(shared.get()), &SSL_free};
  if (!session) return std::unexpected("no TLS session");
  bool named = false;
  if (is_ip_address(address.host)) {
    auto* rules = SSL_get0_param(session.get());
    named = X509_VERIFY_PARAM_set1_ip_asc(rules, address.host.c_str()) == 1;
  } else {
    named = SSL_set1_host(session.get(), address.host.c_str()) == 1 &&
            SSL_set_tlsext_host_name(session.get(), address.host.c_str()) == 1;
  }
  if (!named) return std::unexpected("no host to check the certificate for");
  if (redisInitiateSSL(context_.get(), session.get()) != REDIS_OK) {
    ERR_clear_error();
    return std::unexpected("TLS: " + why());
  }
  static_cast<void>(session.release()); // the connection owns it, but only after success
  return {};
}

std::expected<void, std::string> redis_connection::introduce(const redis_address& address,
                                                             std::chrono::milliseconds timeout) {
  std::size_t replies = 0;
  auto ask = [&](command words) {
    append(words);
    ++replies;
  };
  if (!address.password.empty()) {
    if (address.user.empty())
      ask({"AUTH", address.password});
    else
      ask({"AUTH", address.user, address.password});
  }
  ask({"SELECT", std::to_string(address.database)}); // also proves that a Redis answers
  const auto deadline = clock::now() + timeout;
  for (; replies > 0; --replies) {
    auto reply = read(deadline);
    if (!reply) return std::unexpected(std::move(reply.error()));
    if ((*reply)->type == REDIS_REPLY_ERROR)
      return std::unexpected(std::string{(*reply)->str, (*reply)->len});
  }
  return {};
}

void redis_connection::append(const command& words) {
  std::vector<const char*> data;
  std::vector<std::size_t> sizes;
  data.reserve(words.size());
  sizes.reserve(words.size());
  for (const auto& word : words) {
    data.push_back(word.data());
    sizes.push_back(word.size());
  }
  redisAppendCommandArgv(context_.get(), static_cast<int>(words.size()), data.data(), sizes.data());
}

std::expected<void, std::string> redis_connection::send() {
  int done = 0;
  while (done == 0)
    if (redisBufferWrite(context_.get(), &done) != REDIS_OK) return std::unexpected(why());
  return {};
}

std::expected<redis_reply, std::string> redis_connection::read(clock::time_point deadline) {
  void* reply = nullptr;
  if (context_->err == 0 && redisGetReplyFromReader(context_.get(), &reply) != REDIS_OK)
    return std::unexpected(why());
  if (reply == nullptr) {
    // Each read waits for the command time-out at most; the deadline bounds all of them.
    if (clock::now() >= deadline) return std::unexpected("time-out");
    if (redisGetReply(context_.get(), &reply) != REDIS_OK) return std::unexpected(why());
    if (reply == nullptr) return std::unexpected("no reply");
  }
  return redis_reply{static_cast<redisReply*>(reply)};
}

std::expected<std::optional<redis_reply>, std::string> redis_connection::wait(
  std::chrono::milliseconds patience) {
  void* reply = nullptr;
  if (redisGetReplyFromReader(context_.get(), &reply) != REDIS_OK) return std::unexpected(why());
  if (reply == nullptr) {
    pollfd readable{.fd = context_->fd, .events = POLLIN, .revents = 0};
    const int ready = ::poll(&readable, 1, static_cast<int>(patience.count()));
    if (ready < 0 && errno != EINTR) return std::unexpected(std::generic_category().message(errno));
    if (ready <= 0) return std::nullopt;
    if (redisBufferRead(context_.get()) != REDIS_OK) return std::unexpected(why());
    if (redisGetReplyFromReader(context_.get(), &reply) != REDIS_OK) return std::unexpected(why());
    if (reply == nullptr) return std::nullopt;
  }
  return redis_reply{static_cast<redisReply*>(reply)};
}

} // namespace troupe
