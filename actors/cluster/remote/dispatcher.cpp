#include "actors/cluster/remote/dispatcher.hpp"

#include <algorithm>
#include <utility>

#include "actors/api/errors.hpp"
#include "base/log.hpp"
#include "base/msgpack.hpp"

namespace troupe::remote {

using namespace std::chrono_literals;

namespace {

constexpr std::uint32_t immediate_hops = 3;
constexpr auto first_pause = 10ms;
constexpr auto longest_pause = 200ms;

caf::message error_message(const failure& why) { return caf::make_message(to_caf_error(why)); }

} // namespace

dispatcher::dispatcher(caf::actor_system& system, boost::asio::io_context& io, const uuid& self,
                       const shard_table& table, owner_directory& owners, transport& way,
                       bounds limits)
  : self_(self),
    table_(table),
    owners_(owners),
    way_(way),
    limits_(limits),
    sink_(system, io, [this](caf::mailbox_element& element) { on_message(element); }),
    requests_(limits.requests) {}

caf::strong_actor_ptr dispatcher::add_proxy(shard_ref ref) {
  auto proxy = sink_.add_address();
  shards_.emplace(proxy.get(), ref);
  return proxy;
}

// -- what comes from actors -------------------------------------------------------------------------

void dispatcher::on_message(caf::mailbox_element& element) {
  if (!element.stages.empty()) return accept(element);
  if (!element.mid.is_response()) return;
  const auto number = element.mid.request_id().integer_value();
  auto* request = requests_.find(number);
  if (!request || request->where != place::local) return; // too late
  if (!element.payload.match_elements<caf::error>())
    return finish(number, std::move(element.payload));
  settle_failure(number, from_caf_error(element.payload.get_as<caf::error>(0)), 0, {}, self_);
}

void dispatcher::accept(caf::mailbox_element& element) {
  pending request;
  request.proxy = std::move(element.stages.back());
  request.asker = element.mid.is_request() ? std::move(element.sender) : nullptr;
  request.id = element.mid.response_id();
  request.content = std::move(element.payload);
  request.kind = wire_kind_of(request.content);
  request.shard = shards_.at(request.proxy.get());
  auto refuse = [&](const failure& why) {
    if (request.asker)
      request.asker->enqueue(
        caf::make_mailbox_element(request.proxy, request.id, {}, error_message(why)), nullptr);
  };
  if (!request.kind) {
    log::error("router", "unknown_request", {{"shard", to_string(request.shard)}});
    return refuse({errc::internal, {}, {}, {}});
  }
  request.deadline = request.content.get_as<call>(0).deadline;
  request.ambiguous = request.content.get_as<call>(0).again;
  const auto number = requests_.insert(request);
  if (!number) {
    ++counts_.refused;
    return refuse({errc::overloaded, "too many requests are under way", {}, 1});
  }
  counts_.under_way = requests_.size();
  route(*number);
}

// -- where it goes ----------------------------------------------------------------------------------

void dispatcher::route(std::uint64_t number) {
  auto& request = *requests_.find(number);
  const auto known = owners_.find(request.shard);
  if (known.owner.is_nil()) return park(number, request);
  if (known.owner == self_) {
    const auto local = table_.local(request.shard);
    if (!local) return park(number, request);
    request.where = place::local;
    sink_.send(local, caf::make_message_id(number), request.content);
    return;
  }
  if (!way_.reachable(known.owner)) return park(number, request);
  send_to(number, request, known.owner, known.epoch);
}

void dispatcher::park(std::uint64_t number, pending& request) {
  ++counts_.parked;
  ++counts_.waiting;
  request.where = place::parked;
  parked_[request.shard].push_back(number);
}

void dispatcher::pause(pending& request) {
  const auto doublings = std::min(request.hops - std::min(request.hops, immediate_hops), 5u);
  request.where = place::later;
  request.retry_at = clock::now() +
                     std::min<clock::duration>(first_pause * (1 << doublings), longest_pause);
}

void dispatcher::send_to(std::uint64_t number, pending& request, const uuid& node,
                         std::int64_t epoch) {
  const auto now = clock::now();
  if (request.deadline <= now)
    return settle_failure(number, {errc::timed_out, {}, {}, {}}, 0, {}, {});
  auto& outstanding = outstanding_[node];
  if (outstanding >= limits_.per_node) {
    ++counts_.refused;
    return finish(number, error_message({errc::overloaded, {}, {}, 1}));
  }
  const auto& c = request.content.get_as<call>(0);
  request_head head{
    .id = number,
    .kind = request.kind->id,
    .family = static_cast<std::uint8_t>(request.shard.fam),
    .shard = request.shard.shard,
    .epoch = epoch,
    .op_id = c.op_id,
    .request_hash = c.request_hash,
    .remaining_ms = static_cast<std::uint32_t>(std::min<std::int64_t>(
      std::chrono::ceil<std::chrono::milliseconds>(request.deadline - now).count(), UINT32_MAX)),
    .trace = c.request_id,
    .again = c.again};
  head_.clear();
  body_.clear();
  append_msgpack(head_, head);
  request.kind->write_request(request.content, body_);
  if (body_.size() > max_body)
    return finish(number, error_message({errc::body_too_large, {}, {}, {}}));
  switch (way_.send(node, item_kind::request, head_, body_)) {
    case transport::sent::queued:
      request.where = place::remote;
      request.node = node;
      ++outstanding;
      ++counts_.sent;
      return;
    case transport::sent::overflow:
      ++counts_.refused;
      return finish(number, error_message({errc::overloaded, {}, {}, 1}));
    case transport::sent::unreachable: return park(number, request);
  }
}

/// Before an attempt after one that nobody knows the fate of.
void dispatcher::mark_again(pending& request) {
  request.ambiguous = true;
  if (!request.content.get_as<call>(0).again)
    request.content.get_mutable_as<call>(0).again = true; // a copy of its own, should it be shared
}

// -- what becomes of it -----------------------------------------------------------------------------

void dispatcher::on_answer(const uuid& node, const answer_head& head, std::string_view body) {
  auto* request = requests_.find(head.id);
  if (!request || request->where != place::remote || request->node != node) return; // too late
  left(*request);
  const auto code = static_cast<errc>(head.code);
  if (code == errc::none) {
    auto answer = request->kind->read_answer(body);
    if (!answer) {
      log::error("router", "bad_answer",
                 {{"peer", to_string(node)},
                  {"kind", request->kind->name},
                  {"detail", answer.error().detail}});
      return finish(head.id, error_message({errc::internal, {}, {}, {}}));
    }
    return finish(head.id, std::move(*answer));
  }
  failure why{code, head.detail, {}, {}};
  if (head.retry_after_s > 0) why.retry_after_s = head.retry_after_s;
  settle_failure(head.id, why, head.epoch, head.owner, node);
}

void dispatcher::settle_failure(std::uint64_t number, const failure& why, std::int64_t epoch,
                                const uuid& owner, const uuid& from) {
  auto& request = *requests_.find(number);
  switch (why.code) {
    case errc::not_owner: {
      ++request.hops;
      ++counts_.retried;
      const auto known = owners_.find(request.shard);
      // An owner that drains says so, too: only when it tells that it has released its shard may another one
      // take it, or it would be taken away under writes that are on their way.
      if (!owner.is_nil() && owner != from && epoch > known.epoch)
        owners_.own(request.shard, epoch, owner);
      if (request.hops <= immediate_hops && owners_.find(request.shard).owner != from)
        return route(number);
      return pause(request);
    }
    case errc::operation_in_flight:
      if (request.ambiguous) {
        ++request.hops;
        ++counts_.retried;
        return pause(request);
      }
      return finish(number, error_message(why));
    default: return finish(number, error_message(why));
  }
}

void dispatcher::finish(std::uint64_t number, caf::message answer) {
  auto request = requests_.take(number);
  counts_.under_way = requests_.size();
  if (!request || !request->asker) return;
  request->asker->enqueue(
    caf::make_mailbox_element(request->proxy, request->id, {}, std::move(answer)), nullptr);
}

void dispatcher::left(pending& request) {
  if (auto found = outstanding_.find(request.node); found != outstanding_.end())
    if (--found->second == 0) outstanding_.erase(found);
}

// -- what changes around it -------------------------------------------------------------------------

void dispatcher::wake(shard_ref ref) {
  auto waiting = parked_.extract(ref);
  if (waiting.empty()) return;
  counts_.waiting -= static_cast<std::uint32_t>(waiting.mapped().size());
  for (auto number : waiting.mapped())
    if (auto* request = requests_.find(number); request && request->where == place::parked)
      route(number);
}

void dispatcher::on_owner_change(shard_ref ref) { wake(ref); }

void dispatcher::on_link_up() {
  std::vector<shard_ref> waiting;
  for (const auto& [ref, numbers] : parked_) waiting.push_back(ref);
  for (auto ref : waiting) wake(ref);
}

void dispatcher::on_link_down(const uuid& node) {
  requests_.for_each([&](std::uint64_t number, pending& request) {
    if (request.where != place::remote || request.node != node) return;
    left(request);
    ++counts_.retried;
    mark_again(request);
    route(number);
  });
}

void dispatcher::tick(clock::time_point now) {
  requests_.for_each([&](std::uint64_t number, pending& request) {
    if (request.deadline <= now) {
      ++counts_.expired;
      const bool maybe = request.ambiguous || request.where == place::remote ||
                         request.where == place::local;
      if (request.where == place::remote) left(request);
      finish(number, error_message(maybe ? failure{errc::timed_out, {}, {}, {}}
                                         : failure{errc::shard_unavailable, {}, {}, 1}));
    } else if (request.where == place::later && request.retry_at <= now) {
      route(number);
    }
  });
  // Those that expired while they waited.
  std::erase_if(parked_, [&](auto& entry) {
    const auto gone = std::erase_if(entry.second,
                                    [&](std::uint64_t number) { return !requests_.find(number); });
    counts_.waiting -= static_cast<std::uint32_t>(gone);
    return entry.second.empty();
  });
}

void dispatcher::fail_all() {
  requests_.for_each([&](std::uint64_t number, pending&) {
    finish(number, error_message({errc::shard_unavailable, {}, {}, 1}));
  });
  parked_.clear();
  outstanding_.clear();
}

} // namespace troupe::remote
