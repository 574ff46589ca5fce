#include "persistence/redis/codec.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <hiredis/hiredis.h>

namespace troupe::redis_codec {

namespace {

using command = redis_connection::command;
using std::chrono::milliseconds;

constexpr std::size_t id_size = 16;

constexpr std::string_view count_failure_source = R"(
local failures = redis.call('INCR', KEYS[2])
if failures == 1 then redis.call('PEXPIRE', KEYS[2], ARGV[2]) end
if failures >= tonumber(ARGV[1]) then
  local locks = redis.call('INCR', KEYS[3])
  redis.call('PEXPIRE', KEYS[3], ARGV[5])
  local time = math.min(tonumber(ARGV[3]) * 2 ^ math.min(locks - 1, 30), tonumber(ARGV[4]))
  redis.call('SET', KEYS[1], 1, 'PX', string.format('%.0f', time))
  redis.call('DEL', KEYS[2])
end
return redis.call('PTTL', KEYS[1])
)";

// Scores are Redis' own clock in milliseconds.
constexpr std::string_view share_revocations_source = R"(
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local ends = string.format('%.0f', now + tonumber(ARGV[1]))
for at = 1, #ARGV[3], 16 do
  redis.call('ZADD', KEYS[1], 'GT', ends, string.sub(ARGV[3], at, at + 15))
end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now))
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -100001)
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[1]) then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
redis.call('PUBLISH', ARGV[2], ARGV[1] .. ':' .. ARGV[3])
return 1
)";

constexpr std::string_view load_revocations_source = R"(
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local after_now = string.format('(%.0f', now)
local found = redis.call('ZRANGE', KEYS[1], after_now, '+inf', 'BYSCORE', 'LIMIT', 0, 100000,
                         'WITHSCORES')
for at = 2, #found, 2 do found[at] = math.floor(tonumber(found[at]) - now) end
return found
)";

constexpr std::string_view add_usage_source = R"(
local total = redis.call('INCRBY', KEYS[1], ARGV[1])
redis.call('PEXPIRE', KEYS[1], 10000)
return total
)";

constexpr std::array<std::string_view, script_count> sources{
  count_failure_source, share_revocations_source, load_revocations_source, add_usage_source};

constexpr std::string_view revoked_key = "troupe:revoked";

std::string text(milliseconds time) { return std::to_string(time.count()); }

std::string hex(const lock_subject& subject) {
  constexpr char digits[] = "0123456789abcdef";
  std::string out;
  for (auto byte : subject) {
    out += digits[byte >> 4];
    out += digits[byte & 15];
  }
  return out;
}

std::string lock_key(const lock_subject& subject, std::string_view what) {
  std::string key = "troupe:lock:{";
  key += hex(subject);
  key += "}:";
  key += what;
  return key;
}

std::string response_key(const uuid& op_id) { return "troupe:response:" + to_string(op_id); }

std::string bytes_of(const std::vector<uuid>& ids) {
  std::string out;
  out.reserve(ids.size() * id_size);
  for (const auto& id : ids) out.append(reinterpret_cast<const char*>(id.bytes.data()), id_size);
  return out;
}

uuid to_uuid(const char* bytes) {
  uuid id;
  std::memcpy(id.bytes.data(), bytes, id_size);
  return id;
}

struct encoder {
  const script_digests& scripts;
  std::uint32_t database;
  std::vector<command> out;

  command call(script which, std::vector<std::string> keys, std::vector<std::string> arguments) {
    command words{"EVALSHA", scripts[static_cast<std::size_t>(which)], std::to_string(keys.size())};
    std::ranges::move(keys, std::back_inserter(words));
    std::ranges::move(arguments, std::back_inserter(words));
    return words;
  }

  void operator()(const read_locks& op) {
    for (const auto& subject : op.subjects) out.push_back({"PTTL", lock_key(subject, "locked")});
  }
  void operator()(const count_failure& op) {
    for (const auto& rule : op.rules)
      out.push_back(call(script::count_failure,
                         {lock_key(rule.subject, "locked"), lock_key(rule.subject, "failures"),
                          lock_key(rule.subject, "locks")},
                         {std::to_string(rule.attempts), text(rule.window), text(rule.lock_time),
                          text(rule.longest), text(rule.memory)}));
  }
  void operator()(const clear_failures& op) {
    out.push_back({"DEL", lock_key(op.subject, "failures")});
  }
  void operator()(const share_revocations& op) {
    out.push_back(
      call(script::share_revocations, {std::string{revoked_key}},
           {text(op.lifetime), revocation_channel(database), bytes_of(op.session_ids)}));
  }
  void operator()(const load_revocations&) {
    out.push_back(call(script::load_revocations, {std::string{revoked_key}}, {}));
  }
  void operator()(const add_usage& op) {
    for (const auto& [bucket, taken] : op.buckets)
      out.push_back(call(script::add_usage, {"troupe:usage:" + bucket}, {std::to_string(taken)}));
  }
  void operator()(const fetch_response& op) { out.push_back({"GET", response_key(op.op_id)}); }
  void operator()(const store_response& op) {
    out.push_back({"SET", response_key(op.op_id), op.bytes, "PX", text(op.lifetime)});
  }
};

std::unexpected<failure> refused() { return fail(errc::storage_unavailable, "the cache refused"); }

bool is_integer(const redis_reply& reply) { return reply->type == REDIS_REPLY_INTEGER; }

/// The longest of the locks; a key without a lock has a negative time.
result<redis_answer> longest_lock(std::span<const redis_reply> replies) {
  lock_left left;
  for (const auto& reply : replies) {
    if (!is_integer(reply)) return refused();
    left.time = std::max(left.time, milliseconds{reply->integer});
  }
  return left;
}

result<redis_answer> done(std::span<const redis_reply> replies) {
  for (const auto& reply : replies)
    if (reply->type == REDIS_REPLY_ERROR) return refused();
  return redis_done{};
}

struct decoder {
  std::span<const redis_reply> replies;

  result<redis_answer> operator()(const read_locks&) { return longest_lock(replies); }
  result<redis_answer> operator()(const count_failure&) { return longest_lock(replies); }
  result<redis_answer> operator()(const clear_failures&) { return done(replies); }
  result<redis_answer> operator()(const share_revocations&) { return done(replies); }
  result<redis_answer> operator()(const store_response&) { return done(replies); }
  result<redis_answer> operator()(const load_revocations&) {
    const auto& reply = *replies[0];
    if (reply.type != REDIS_REPLY_ARRAY || reply.elements % 2 != 0) return refused();
    shared_revocations found;
    found.items.reserve(reply.elements / 2);
    for (std::size_t at = 0; at < reply.elements; at += 2) {
      const auto& id = *reply.element[at];
      const auto& left = *reply.element[at + 1];
      if (id.type != REDIS_REPLY_STRING || id.len != id_size || left.type != REDIS_REPLY_INTEGER)
        return refused();
      found.items.emplace_back(to_uuid(id.str), milliseconds{left.integer});
    }
    return found;
  }
  result<redis_answer> operator()(const add_usage&) {
    usage_totals found;
    found.totals.reserve(replies.size());
    for (const auto& reply : replies) {
      if (!is_integer(reply) || reply->integer < 0) return refused();
      found.totals.push_back(static_cast<std::uint64_t>(reply->integer));
    }
    return found;
  }
  result<redis_answer> operator()(const fetch_response&) {
    const auto& reply = *replies[0];
    if (reply.type == REDIS_REPLY_NIL) return kept_response{};
    if (reply.type != REDIS_REPLY_STRING) return refused();
    return kept_response{std::string{reply.str, reply.len}};
  }
};

} // namespace

std::string_view source_of(script which) noexcept {
  return sources[static_cast<std::size_t>(which)];
}

std::string revocation_channel(std::uint32_t database) {
  return "troupe:" + std::to_string(database) + ":revoked";
}

std::vector<command> encode(const redis_operation& operation, const script_digests& scripts,
                            std::uint32_t database) {
  encoder to{scripts, database, {}};
  std::visit(to, operation);
  return std::move(to.out);
}

result<redis_answer> decode(const redis_operation& operation,
                            std::span<const redis_reply> replies) {
  return std::visit(decoder{replies}, operation);
}

bool lacks_script(const redisReply& reply) noexcept {
  return reply.type == REDIS_REPLY_ERROR &&
         std::string_view{reply.str, reply.len}.starts_with("NOSCRIPT");
}

std::optional<revocations_heard> decode_revocations(std::string_view payload) {
  const auto colon = payload.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::int64_t lifetime = 0;
  auto [end, error] = std::from_chars(payload.data(), payload.data() + colon, lifetime);
  const auto ids = payload.substr(colon + 1);
  if (error != std::errc{} || end != payload.data() + colon || lifetime <= 0 ||
      ids.size() % id_size != 0)
    return std::nullopt;
  revocations_heard heard{.session_ids = {}, .lifetime = milliseconds{lifetime}};
  for (std::size_t at = 0; at < ids.size(); at += id_size)
    heard.session_ids.push_back(to_uuid(ids.data() + at));
  return heard;
}

} // namespace troupe::redis_codec
