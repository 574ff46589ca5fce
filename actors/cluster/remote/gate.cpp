#include "actors/cluster/remote/gate.hpp"

#include <algorithm>
#include <utility>

#include "actors/api/errors.hpp"
#include "base/log.hpp"
#include "base/msgpack.hpp"

namespace troupe::remote {

using namespace std::chrono_literals;

namespace {

constexpr std::size_t max_head = 64 * 1024;
constexpr std::chrono::milliseconds longest_deadline = 10min;

} // namespace

gate::gate(caf::actor_system& system, boost::asio::io_context& io, const uuid& self,
           const shard_table& table, const shard_board& board, const owner_directory& owners,
           transport& way, std::uint32_t per_node)
  : self_(self),
    table_(table),
    board_(board),
    owners_(owners),
    way_(way),
    per_node_(per_node),
    sink_(system, io, [this](caf::mailbox_element& element) { on_message(element); }) {}

void gate::on_request(const uuid& node, std::string_view head, std::string_view body) {
  ++counts_.received;
  auto read = from_msgpack<request_head>(head, {.bytes = max_head});
  if (!read) {
    ++counts_.malformed; // without a number nobody can be answered
    return;
  }
  const auto now = clock::now();
  const auto ref = shard_of_head(read->family, read->shard);
  const bool known = ref && static_cast<std::uint32_t>(ref->shard) < table_.shard_count(ref->fam);
  const auto* kind = find_wire_kind(read->kind);
  auto refuse_with = [&](errc code) {
    refuse(node, read->id, {code, {}, {}, {}}, ref.value_or(shard_ref{}));
  };
  if (!known || !kind || body.size() > max_body) {
    ++counts_.malformed;
    return refuse_with(errc::malformed_body);
  }
  if (read->remaining_ms == 0) {
    ++counts_.late;
    return refuse_with(errc::timed_out);
  }
  const auto& shard = board_.at(*ref);
  const auto actor = table_.local(*ref);
  const auto state = shard.state.load(std::memory_order_relaxed);
  const bool serves = state == shard_state::acquiring || state == shard_state::loading ||
                      state == shard_state::active;
  // While it acquires, its epoch is still that of an earlier tenure.
  const auto later = owners_.find(*ref);
  const bool deposed = state == shard_state::active && !later.owner.is_nil() &&
                       later.owner != self_ &&
                       later.epoch > shard.epoch.load(std::memory_order_relaxed);
  if (deposed) {
    ++counts_.not_owner;
    return refuse_with(errc::not_owner);
  }
  auto& under_way = under_way_[node];
  if (under_way >= per_node_) {
    ++counts_.refused;
    return refuse(node, read->id, {errc::overloaded, {}, {}, 1}, *ref);
  }
  if (!actor || !serves) {
    if (under_way == 0) under_way_.erase(node);
    ++counts_.not_owner;
    return refuse_with(errc::not_owner);
  }
  call c;
  c.op_id = read->op_id;
  c.request_hash = read->request_hash;
  c.deadline = now + std::min(std::chrono::milliseconds{read->remaining_ms}, longest_deadline);
  c.request_id = read->trace;
  c.again = read->again;
  auto content = kind->read_request(c, body);
  if (!content) {
    if (under_way == 0) under_way_.erase(node);
    ++counts_.malformed;
    return refuse_with(errc::malformed_body);
  }
  const auto number = requests_.insert({node, read->id, kind, *ref, c.deadline});
  if (!number) {
    if (under_way == 0) under_way_.erase(node);
    ++counts_.refused;
    return refuse(node, read->id, {errc::overloaded, {}, {}, 1}, *ref);
  }
  ++under_way;
  counts_.under_way = requests_.size();
  sink_.send(actor, caf::make_message_id(*number), std::move(*content));
}

void gate::on_message(caf::mailbox_element& element) {
  if (!element.mid.is_response()) return;
  auto request = requests_.take(element.mid.request_id().integer_value());
  if (!request) return; // its link is gone
  left(request->node);
  counts_.under_way = requests_.size();
  if (element.payload.match_elements<caf::error>()) {
    const auto why = from_caf_error(element.payload.get_as<caf::error>(0));
    if (why.code == errc::not_owner) ++counts_.not_owner;
    return refuse(request->node, request->id, why, request->shard);
  }
  head_.clear();
  body_.clear();
  append_msgpack(head_, answer_head{.id = request->id});
  if (!request->kind->write_answer(element.payload, body_) || body_.size() > max_body) {
    log::error("gate", "bad_answer", {{"kind", request->kind->name}});
    return refuse(request->node, request->id, {errc::internal, {}, {}, {}}, request->shard);
  }
  // When it cannot be queued, the caller's deadline is what ends its wait.
  static_cast<void>(way_.send(request->node, item_kind::answer, head_, body_));
}

void gate::refuse(const uuid& node, std::uint64_t id, const failure& why, shard_ref shard) {
  answer_head head{.id = id,
                   .code = static_cast<std::uint8_t>(why.code),
                   .detail = why.detail,
                   .retry_after_s = why.retry_after_s.value_or(0)};
  if (why.code == errc::not_owner) {
    const auto known = owners_.find(shard);
    head.epoch = known.epoch;
    head.owner = known.owner;
  }
  head_.clear();
  append_msgpack(head_, head);
  static_cast<void>(way_.send(node, item_kind::answer, head_, {}));
}

void gate::left(const uuid& node) {
  if (auto found = under_way_.find(node); found != under_way_.end())
    if (--found->second == 0) under_way_.erase(found);
}

void gate::on_link_down(const uuid& node) {
  // What is under way goes on; its answers have nowhere to go, and the caller asks again.
  requests_.for_each([&](std::uint64_t number, pending& request) {
    if (request.node == node) requests_.take(number);
  });
  under_way_.erase(node);
  counts_.under_way = requests_.size();
}

void gate::tick(clock::time_point now) {
  requests_.for_each([&](std::uint64_t number, pending& request) {
    if (request.deadline + 1s > now) return;
    left(request.node);
    requests_.take(number);
  });
  counts_.under_way = requests_.size();
}

} // namespace troupe::remote
