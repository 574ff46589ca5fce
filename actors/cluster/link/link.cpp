#include "actors/cluster/link/link.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace troupe::links {

using boost::system::error_code;

namespace {

constexpr std::size_t usual_buffer = 64 *
                                     1024; // bytes; larger ones are given back when they are empty

} // namespace

std::string_view to_string(link_end why) noexcept {
  switch (why) {
    case link_end::closed: return "closed";
    case link_end::peer_closed: return "peer_closed";
    case link_end::lost: return "lost";
    case link_end::silent: return "silent";
    case link_end::oversize: return "oversize";
    case link_end::malformed: return "malformed";
    case link_end::replaced: return "replaced";
    case link_end::stopped: return "stopped";
  }
  return "unknown";
}

link::link(stream way, peer who, std::uint64_t attempt, const link_settings& settings,
           link_events& events, std::function<void(const link_ptr&, link_end)> on_end)
  : way_(std::move(way)),
    who_(std::move(who)),
    attempt_(attempt),
    settings_(settings),
    events_(events),
    on_end_(std::move(on_end)),
    timer_(way_.connection().get_executor()),
    in_(usual_buffer),
    heard_(clock::now()) {}

void link::start() {
  read();
  wait_for_tick();
}

// -- sending ----------------------------------------------------------------------------------------

send_result link::send(std::span<const std::byte> payload) {
  if (state_ != state::up) return send_result::ended;
  if (payload.size() > settings_.max_frame) return send_result::too_large;
  if (queued() + frame_header_size + payload.size() > settings_.max_queue)
    return send_result::overflow;
  queue(frame_kind::data, payload);
  return send_result::queued;
}

void link::queue(frame_kind kind, std::span<const std::byte> payload) {
  auto header = encode({static_cast<std::uint32_t>(payload.size()), kind});
  waiting_.insert(waiting_.end(), header.begin(), header.end());
  waiting_.insert(waiting_.end(), payload.begin(), payload.end());
  write();
}

void link::write() {
  if (!under_way_.empty() || waiting_.empty()) return;
  std::swap(under_way_, waiting_);
  way_.async_write({under_way_.data(), under_way_.size()}, [self = shared_from_this()](
                                                             error_code error, std::size_t) {
    if (self->state_ == state::ended) return;
    if (error)
      self->end(self->state_ == state::closing ? link_end::closed : link_end::lost);
    else
      self->written();
  });
}

void link::written() {
  under_way_.clear();
  if (under_way_.capacity() > usual_buffer) under_way_.shrink_to_fit();
  write();
}

// -- receiving --------------------------------------------------------------------------------------

void link::read() {
  if (reading_ || paused_ || state_ == state::ended) return;
  reading_ = true;
  way_.async_read_some({in_.data() + filled_, in_.size() - filled_},
                       [self = shared_from_this()](error_code error, std::size_t bytes) {
                         self->reading_ = false;
                         if (self->state_ == state::ended) return;
                         if (error)
                           self->end(self->state_ == state::closing ? link_end::closed
                                                                    : link_end::lost);
                         else
                           self->received(bytes);
                       });
}

void link::received(std::size_t bytes) {
  heard_ = clock::now();
  filled_ += bytes;
  hand_on();
  read();
}

void link::hand_on() {
  if (handing_on_)
    return; // a handler of the loop below called `resume`: the loop goes on by itself
  handing_on_ = true;
  std::size_t at = 0;
  std::size_t frame = frame_header_size; // of the first incomplete frame, as far as it is known
  while (state_ != state::ended && !paused_ && filled_ - at >= frame_header_size) {
    auto header = decode_frame_header(std::span{in_}.subspan(at).first<frame_header_size>());
    if (!header || header->size > settings_.max_frame) {
      end(header ? link_end::oversize : link_end::malformed);
      break;
    }
    frame = frame_header_size + header->size;
    if (filled_ - at < frame) break;
    auto payload = std::span<const std::byte>{in_}.subspan(at + frame_header_size, header->size);
    at += frame;
    frame = frame_header_size;
    if (header->kind == frame_kind::bye)
      end(state_ == state::closing ? link_end::closed : link_end::peer_closed);
    else if (header->kind == frame_kind::data && state_ == state::up)
      events_.on_frame(*this, payload);
  }
  handing_on_ = false;
  if (at > 0) std::memmove(in_.data(), in_.data() + at, filled_ - at);
  filled_ -= at;
  make_room(frame);
}

void link::make_room(std::size_t frame) {
  if (in_.size() < frame) in_.resize(frame);
  // one read may have brought frames that a paused link keeps; there must be room for the next one
  else if (filled_ == in_.size())
    in_.resize(in_.size() + usual_buffer);
  else if (filled_ == 0 && frame <= usual_buffer && in_.size() > usual_buffer) {
    in_.resize(usual_buffer);
    in_.shrink_to_fit();
  }
}

void link::pause() { paused_ = true; }

void link::resume() {
  if (!paused_ || state_ == state::ended) return;
  paused_ = false;
  heard_ = clock::now(); // what the peer sent meanwhile was not read, so its silence says nothing
  if (handing_on_ || reading_) return; // these go on by themselves, and the buffer is theirs
  hand_on();
  read();
}

// -- the end ----------------------------------------------------------------------------------------

void link::close() {
  if (state_ != state::up) return;
  state_ = state::closing;
  close_by_ = clock::now() + settings_.close_timeout;
  queue(frame_kind::bye, {});
  resume(); // to hear that the peer has ended, too
  timer_.cancel();
  wait_for_tick();
}

void link::end(link_end why) {
  if (state_ == state::ended) return;
  state_ = state::ended;
  timer_.cancel();
  way_.cut();
  std::exchange(on_end_, nullptr)(shared_from_this(), why);
}

// -- time -------------------------------------------------------------------------------------------

void link::wait_for_tick() {
  if (state_ == state::closing)
    timer_.expires_at(close_by_);
  else
    timer_.expires_after(settings_.ping_interval);
  timer_.async_wait([weak = weak_from_this()](error_code error) {
    if (auto self = weak.lock(); self && !error && self->state_ != state::ended) self->tick();
  });
}

void link::tick() {
  auto now = clock::now();
  if (state_ == state::closing) {
    if (now >= close_by_) return end(link_end::closed);
  } else {
    // when this thread itself came late, what the peer sent may lie unread: its time begins anew
    if (now - timer_.expiry() >= settings_.ping_interval) heard_ = now;
    if (!paused_ && now - heard_ >= settings_.ping_timeout) return end(link_end::silent);
    // frames that wait say as much as a ping, when they arrive
    if (queued() == 0) queue(frame_kind::ping, {});
  }
  wait_for_tick();
}

} // namespace troupe::links
