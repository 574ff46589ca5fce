#pragma once

#include <boost/asio/steady_timer.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "actors/cluster/link/frame.hpp"
#include "actors/cluster/link/settings.hpp"
#include "actors/cluster/link/stream.hpp"

namespace troupe::links {

/// Who is at the other end.
struct peer {
  uuid incarnation;                       ///< as it says itself
  std::optional<fingerprint> certificate; ///< as proved; nothing on a plain link
  std::string address;                    ///< IP address and port, for the log
};

/// Why a link ended.
enum class link_end : std::uint8_t {
  closed,      ///< by this side, on purpose
  peer_closed, ///< by the other side, on purpose
  lost,        ///< the connection broke
  silent,      ///< nothing came for `ping_timeout`
  oversize,    ///< a frame larger than `max_frame` was announced
  malformed,   ///< something came that is no frame
  replaced,    ///< the same peer has a newer link
  stopped,     ///< this node's hub stops
};
std::string_view to_string(link_end why) noexcept;

enum class send_result : std::uint8_t {
  queued,
  overflow,  ///< nothing was queued: `max_queue` bytes wait already for a peer that does not read
  too_large, ///< the payload is over `max_frame`
  ended,     ///< the link has ended or is closing
};

class link;
using link_ptr = std::shared_ptr<link>;

/// What the user of links is told, in the thread of the io_context. Must not throw. May call any function
/// of the link and of the hub.
class link_events {
public:
  virtual ~link_events() = default;

  /// Whether the peer may have a link: whether the member row of that incarnation holds this
  /// certificate. Without a certificate (plain) only the incarnation can be judged.
  virtual bool accepts(const peer& who) = 0;

  /// A link is ready; an older one of the same peer has been reported down before.
  virtual void on_up(const link_ptr& which) = 0;

  /// One whole frame in order; `payload` is valid during the call only.
  virtual void on_frame(link& which, std::span<const std::byte> payload) = 0;

  /// Once for every link that was up; no frame of it follows.
  virtual void on_down(const link_ptr& which, link_end why) = 0;
};

/// An authenticated connection to one incarnation of another node, carrying frames both ways in order.
/// Made by a `link_hub`; lives until it ended and nobody holds it. All functions are for the
/// thread of its io_context. What was queued but not read by the peer when a link ends is lost without
/// a word: whoever needs an answer has a deadline.
class link : public std::enable_shared_from_this<link> {
public:
  link(stream way, peer who, std::uint64_t attempt, const link_settings& settings,
       link_events& events, std::function<void(const link_ptr&, link_end)> on_end);

  /// Begins to read and to ping. Once.
  void start();

  /// Queues one frame, a copy of `payload`.
  send_result send(std::span<const std::byte> payload);

  /// No frame is handed on until `resume`. The peer's frames pile up in the system's buffers and then at
  /// the peer, whose sends overflow in the end. Meanwhile the peer's silence is not noticed, but its
  /// end of the link stays up, for pings are still sent.
  void pause();
  void resume();

  /// Sends what is queued, says good-bye and ends, within `close_timeout`. Frames of the peer are no longer
  /// handed on.
  void close();

  /// Ends at once.
  void end(link_end why);

  const peer& who() const noexcept { return who_; }
  /// Number of the dial that made it: of two links of a peer the newer one has the greater.
  std::uint64_t attempt() const noexcept { return attempt_; }
  /// Bytes of frames not yet given to the system; at most `max_queue` and one ping or good-bye.
  std::size_t queued() const noexcept { return waiting_.size() + under_way_.size(); }
  bool ended() const noexcept { return state_ == state::ended; }

private:
  using clock = std::chrono::steady_clock;
  enum class state : std::uint8_t { up, closing, ended };

  void read();
  void received(std::size_t bytes);
  void hand_on();
  void make_room(std::size_t frame);
  void queue(frame_kind kind, std::span<const std::byte> payload);
  void write();
  void written();
  void wait_for_tick();
  void tick();

  stream way_;
  const peer who_;
  const std::uint64_t attempt_;
  const link_settings settings_;
  link_events& events_; ///< not called any more once the link has ended
  std::function<void(const link_ptr&, link_end)> on_end_;
  boost::asio::steady_timer timer_;
  state state_ = state::up;
  bool paused_ = false;
  bool reading_ = false; ///< a read is under way
  bool handing_on_ = false;

  std::vector<std::byte>
    in_;                   ///< room for what comes; grows to hold one frame whose size was checked
  std::size_t filled_ = 0; ///< of `in_`
  std::vector<std::byte> waiting_;   ///< frames for the next write
  std::vector<std::byte> under_way_; ///< frames that are being written
  clock::time_point heard_;          ///< when the last byte came
  clock::time_point close_by_;       ///< while closing
};

} // namespace troupe::links
