#include "actors/cluster/remote/interconnect.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <boost/asio/post.hpp>

#include "base/log.hpp"
#include "base/msgpack.hpp"

namespace troupe::remote {

namespace asio = boost::asio;
using namespace std::chrono_literals;

namespace {

constexpr auto tick_interval = 20ms;
constexpr std::uint32_t ticks_per_slow_tick = 10;
constexpr auto first_dial_pause = 100ms;
constexpr auto longest_dial_pause = 2'000ms;
/// Items wait for the end of the turn until they are that large together.
constexpr std::size_t flush_at = 64 * 1024;
constexpr std::size_t max_head = 64 * 1024;

template <class Head>
std::string head_of(const Head& head) {
  return to_msgpack(head);
}

} // namespace

interconnect::interconnect(caf::actor_system& system, settings wanted, const shard_board& board,
                           shard_table& table, owner_directory& owners)
  : system_(system),
    settings_(std::move(wanted)),
    board_(board),
    table_(table),
    owners_(owners),
    members_(std::make_shared<const membership_view::picture>()) {
  dispatcher::bounds bounds;
  bounds.per_node = settings_.max_requests;
  transport& way = *this;
  dispatcher_ = std::make_unique<dispatcher>(system_, io_, settings_.self, table_, owners_, way,
                                             bounds);
  gate_ = std::make_unique<gate>(system_, io_, settings_.self, table_, board_, owners_, way,
                                 settings_.max_requests);
  for (const auto& info : families)
    for (std::int32_t s = 0; s < static_cast<std::int32_t>(table_.shard_count(info.id)); ++s)
      table_.connect({info.id, s}, dispatcher_->add_proxy({info.id, s}));
}

interconnect::~interconnect() { stop(); }

result<void> interconnect::start(interconnect_events events) {
  events_ = std::move(events);
  if (settings_.mode != "off") {
    if (settings_.mode == "tls") {
      auto own = links::credentials::load(settings_.files);
      if (!own) return std::unexpected(std::move(own.error()));
      own_ = std::move(*own);
    }
    links::link_settings wanted;
    wanted.cluster = settings_.cluster;
    wanted.incarnation = settings_.self;
    wanted.plain = settings_.mode == "plain";
    wanted.dial_timeout = settings_.dial_timeout;
    wanted.handshake_timeout = settings_.dial_timeout;
    wanted.ping_interval = settings_.ping_interval;
    wanted.ping_timeout = settings_.ping_timeout;
    wanted.max_frame = settings_.max_frame;
    wanted.max_queue = settings_.max_queue;
    auto hub = links::link_hub::make(io_, wanted, own_, *this);
    if (!hub) return std::unexpected(std::move(hub.error()));
    if (auto opened = (*hub)->listen(settings_.address, settings_.port); !opened) return opened;
    hub_ = std::move(*hub);
    port_ = hub_->port();
  }
  tick();
  thread_ = std::thread{[this] { io_.run(); }};
  return {};
}

void interconnect::stop() {
  if (!thread_.joinable()) return;
  run([this] {
    timer_.cancel();
    if (hub_) hub_->stop();
    dispatcher_->fail_all();
    busy_.reset();
    io_.stop();
  });
  thread_.join();
  table_.clear();
  dispatcher_.reset();
  gate_.reset();
}

template <class Task>
void interconnect::run(Task task) {
  asio::post(io_, std::move(task));
}

// -- members ------------------------------------------------------------------------------------------

void interconnect::show(std::shared_ptr<const membership_view::picture> members) {
  run([this, members = std::move(members)]() mutable { adopt(std::move(members)); });
}

void interconnect::adopt(std::shared_ptr<const membership_view::picture> members) {
  const auto before = std::exchange(members_, std::move(members));
  auto lives = [this](const uuid& node) {
    return std::ranges::contains(members_->members, node, &member_record::incarnation);
  };
  bool changed = before->version != members_->version;
  for (const auto& member : before->members) {
    if (lives(member.incarnation)) continue;
    changed = true;
    dials_.erase(member.incarnation);
    owners_.forget(member.incarnation);
    // Dead to the cluster: whatever was asked there is asked again elsewhere.
    if (auto found = outboxes_.find(member.incarnation); found != outboxes_.end()) {
      auto link = found->second.link;
      link->end(links::link_end::closed);
    }
  }
  dial_missing(clock::now());
  if (changed && events_.on_owner_change) events_.on_owner_change();
}

bool interconnect::accepts(const links::peer& who) {
  const auto found = std::ranges::find(members_->members, who.incarnation,
                                       &member_record::incarnation);
  if (found == members_->members.end()) {
    // Perhaps it joined a moment ago: look, and let it dial again.
    if (events_.on_nudge) events_.on_nudge(nudge_kind::membership);
    return false;
  }
  if (settings_.mode == "plain") return true;
  return who.certificate &&
         std::ranges::contains(found->certificates, links::to_string(*who.certificate));
}

void interconnect::dial_missing(clock::time_point now) {
  if (!hub_) return;
  for (const auto& member : members_->members) {
    const auto& node = member.incarnation;
    if (node == settings_.self || member.link_host.empty() || !hub_->has_to_dial(node) ||
        hub_->find(node))
      continue;
    auto& dial = dials_[node];
    if (dial.under_way || dial.next > now) continue;
    dial.under_way = true;
    hub_->dial({member.link_host, member.link_port, node},
               [this, node](std::expected<links::link_ptr, links::handshake_failure> up) {
                 const auto found = dials_.find(node);
                 if (found == dials_.end()) return;
                 auto& done = found->second;
                 done.under_way = false;
                 done.pause = up ? 0ms
                                 : std::clamp<std::chrono::milliseconds>(
                                     done.pause * 2, first_dial_pause, longest_dial_pause);
                 done.next = clock::now() + done.pause;
               });
  }
}

// -- links --------------------------------------------------------------------------------------------

void interconnect::on_up(const links::link_ptr& which) {
  const auto node = which->who().incarnation;
  outboxes_[node] = {which, {}};
  tell_all_shards(node);
  dispatcher_->on_link_up();
  publish();
  if (events_.on_owner_change) events_.on_owner_change();
}

void interconnect::on_down(const links::link_ptr& which, links::link_end) {
  const auto node = which->who().incarnation;
  outboxes_.erase(node);
  gate_->on_link_down(node);
  dispatcher_->on_link_down(node);
  publish();
}

void interconnect::on_frame(links::link& which, std::span<const std::byte> payload) {
  bytes_in_ += payload.size();
  const auto node = which.who().incarnation;
  bool malformed = false;
  while (auto one = next_item(payload, malformed)) handle(node, *one);
  if (malformed) which.end(links::link_end::malformed);
}

void interconnect::handle(const uuid& node, const item& one) {
  switch (static_cast<item_kind>(one.kind)) {
    case item_kind::request: return gate_->on_request(node, one.head, one.body);
    case item_kind::answer:
      if (auto head = from_msgpack<answer_head>(one.head, {.bytes = max_head}))
        dispatcher_->on_answer(node, *head, one.body);
      return;
    case item_kind::ownership: return hear_ownership(node, one.head);
    case item_kind::hand_off:
      if (auto head = from_msgpack<hand_off_head>(one.head, {.bytes = max_head}))
        if (auto ref = shard_of_head(head->family, head->shard);
            ref && static_cast<std::uint32_t>(ref->shard) < table_.shard_count(ref->fam))
          if (events_.on_hand_off) events_.on_hand_off(node, *ref, head->epoch);
      return;
    case item_kind::nudge:
      if (auto head = from_msgpack<nudge_head>(one.head, {.bytes = max_head}))
        if (events_.on_nudge) events_.on_nudge(static_cast<nudge_kind>(head->what));
      return;
  }
}

void interconnect::hear_ownership(const uuid& node, std::string_view head) {
  auto read = from_msgpack<ownership_head>(head, {.bytes = max_head});
  if (!read) return;
  const auto ref = shard_of_head(read->family, read->shard);
  if (!ref || static_cast<std::uint32_t>(ref->shard) >= table_.shard_count(ref->fam)) return;
  const bool news = read->owns ? owners_.own(*ref, read->epoch, node)
                               : owners_.give_up(*ref, read->epoch);
  if (!news) return;
  dispatcher_->on_owner_change(*ref);
  if (!read->owns && events_.on_owner_change) events_.on_owner_change();
}

transport::sent interconnect::send(const uuid& node, item_kind kind, std::string_view head,
                                   std::string_view body) {
  const auto found = outboxes_.find(node);
  if (found == outboxes_.end()) return sent::unreachable;
  auto& out = found->second;
  const auto size = head.size() + body.size();
  if (out.link->queued() + out.bytes.size() + size > settings_.max_queue ||
      size + flush_at > settings_.max_frame + flush_at / 2)
    return sent::overflow;
  append_item(out.bytes, kind, head, body);
  if (out.bytes.size() >= flush_at) {
    flush(out);
  } else if (!std::exchange(flush_scheduled_, true)) {
    run([this] { flush_all(); });
  }
  return sent::queued;
}

void interconnect::flush(outbox& out) {
  if (out.bytes.empty()) return;
  bytes_out_ += out.bytes.size();
  // What a full queue drops is found by its deadlines, as is what a broken link loses.
  static_cast<void>(out.link->send(std::as_bytes(std::span{out.bytes})));
  out.bytes.clear();
}

void interconnect::flush_all() {
  flush_scheduled_ = false;
  for (auto& [node, out] : outboxes_) flush(out);
}

// -- owners -------------------------------------------------------------------------------------------

void interconnect::on_transition(shard_ref ref, shard_state state, std::int64_t epoch) {
  // The directory at once, so that whoever is refused from now on finds what is so now.
  bool owns = false;
  switch (state) {
    case shard_state::loading:
      owners_.own(ref, epoch, settings_.self);
      owns = true;
      break;
    case shard_state::draining:
      // Requests wait for the next owner rather than ask here again and again.
      owners_.give_up(ref, epoch);
      return;
    case shard_state::released:
    case shard_state::fenced: owners_.give_up(ref, epoch); break;
    case shard_state::unowned:
    case shard_state::acquiring:
    case shard_state::active: return;
  }
  run([this, ref, epoch, owns] {
    broadcast(item_kind::ownership,
              head_of(ownership_head{static_cast<std::uint8_t>(ref.fam), ref.shard, epoch, owns}));
    dispatcher_->on_owner_change(ref);
  });
}

void interconnect::tell_all_shards(const uuid& node) {
  for (const auto& info : families)
    for (std::int32_t s = 0; s < static_cast<std::int32_t>(table_.shard_count(info.id)); ++s) {
      const auto& entry = board_.at({info.id, s});
      const auto state = entry.state.load(std::memory_order_relaxed);
      if (state != shard_state::active && state != shard_state::loading) continue;
      static_cast<void>(
        send(node, item_kind::ownership,
             head_of(ownership_head{static_cast<std::uint8_t>(info.id), s,
                                    entry.epoch.load(std::memory_order_relaxed), true}),
             {}));
    }
}

void interconnect::broadcast(item_kind kind, std::string_view head) {
  std::vector<uuid> nodes;
  for (const auto& [node, out] : outboxes_) nodes.push_back(node);
  for (const auto& node : nodes) static_cast<void>(send(node, kind, head, {}));
}

void interconnect::owners_changed(std::vector<shard_ref> shards) {
  run([this, shards = std::move(shards)] {
    for (auto ref : shards) dispatcher_->on_owner_change(ref);
  });
}

void interconnect::ask_for(const uuid& owner, shard_ref ref, std::int64_t epoch) {
  run([this, owner, ref, epoch] {
    static_cast<void>(
      send(owner, item_kind::hand_off,
           head_of(hand_off_head{static_cast<std::uint8_t>(ref.fam), ref.shard, epoch}), {}));
  });
}

void interconnect::nudge_all(nudge_kind what) {
  run([this, what] {
    broadcast(item_kind::nudge, head_of(nudge_head{static_cast<std::uint8_t>(what)}));
  });
}

// -- time ---------------------------------------------------------------------------------------------

void interconnect::tick() {
  const auto now = clock::now();
  dispatcher_->tick(now);
  if (++ticks_ % ticks_per_slow_tick == 0) {
    gate_->tick(now);
    dial_missing(now);
    publish();
  }
  timer_.expires_after(tick_interval);
  timer_.async_wait([this](boost::system::error_code cancelled) {
    if (!cancelled) tick();
  });
}

void interconnect::publish() {
  status next;
  for (const auto& member : members_->members) {
    if (member.incarnation == settings_.self || member.link_host.empty()) continue;
    const auto found = outboxes_.find(member.incarnation);
    const bool up = found != outboxes_.end();
    next.peers.push_back(
      {member.incarnation, up, up ? found->second.link->queued() + found->second.bytes.size() : 0});
  }
  next.requests = dispatcher_->count();
  next.entered = gate_->count();
  next.bytes_out = bytes_out_;
  next.bytes_in = bytes_in_;
  if (hub_) next.handshakes_failed = hub_->count().failed;
  std::scoped_lock lock{mutex_};
  status_ = std::move(next);
}

interconnect::status interconnect::current() const {
  std::scoped_lock lock{mutex_};
  return status_;
}

bool interconnect::linked(const uuid& node) const {
  std::scoped_lock lock{mutex_};
  const auto found = std::ranges::find(status_.peers, node, &peer_status::node);
  return found != status_.peers.end() && found->up;
}

} // namespace troupe::remote
