#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <list>
#include <mutex>
#include <string>
#include <thread>

namespace troupe::test {

/// A proxy in front of a Postgres server that knows the protocol well enough to interfere at exactly
/// one point: the commit of a batch of rows, when the server has done all that comes before it, so that
/// the transaction is open and holds its locks. It forwards everything else unchanged. Unencrypted
/// connections only.
class fault_proxy {
public:
  explicit fault_proxy(std::uint16_t server_port);
  ~fault_proxy();
  fault_proxy(const fault_proxy&) = delete;
  fault_proxy& operator=(const fault_proxy&) = delete;

  std::uint16_t port() const noexcept { return port_; }

  enum class at_commit {
    forward,             ///< does nothing
    cut,                 ///< drops it and closes both sides: it never happens
    commit_then_cut,     ///< passes it on, waits until it is done, then closes both sides
    hold,                ///< keeps it until `resume` is called, then passes it on
    abandon,             ///< closes the client's side, drops it, leaves the server's side open
    abandon_then_commit, ///< closes the client's side, and passes it on at `resume`
    freeze,              ///< from now on nothing passes on this connection, which stays open
  };

  /// What happens at the next commit; after it, commits are forwarded again.
  void next_commit(at_commit what);
  /// Waits until that commit has arrived. False after ten seconds.
  bool wait_for_commit();
  void resume();
  /// New connections are closed at once, existing ones too: a server that is down.
  void set_down(bool down);

private:
  struct link;

  void accept_loop();
  void client_loop(link& l);
  void server_loop(link& l);
  /// False: the client's side is done with.
  bool pass_on(link& l, const std::string& before, const std::string& commit);
  /// Waits until the server has done what was passed on; false when it is gone.
  bool wait_until_done(link& l);

  std::uint16_t server_port_;
  std::uint16_t port_ = 0;
  int listener_ = -1;

  std::mutex mutex_;
  std::condition_variable changed_;
  at_commit next_ = at_commit::forward;
  bool arrived_ = false;
  bool resumed_ = false;
  bool down_ = false;
  bool stopping_ = false;
  std::list<link> links_;
  std::thread accepter_;
};

} // namespace troupe::test
