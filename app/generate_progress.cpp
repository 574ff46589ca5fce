#include "app/generate_progress.hpp"

#include <algorithm>
#include <cstdio>
#include <unistd.h>

namespace troupe::generation {

using namespace std::chrono_literals;

progress::progress(std::uint64_t total, std::uint64_t players, bool quiet)
  : total_(std::max<std::uint64_t>(total, 1)),
    players_(players),
    terminal_(isatty(STDERR_FILENO) == 1) {
  if (quiet) return;
  painter_ = std::jthread{[this](const std::stop_token& stop) {
    std::unique_lock lock{mutex_};
    while (!wake_.wait_for(lock, stop, terminal_ ? 200ms : 2000ms, [] { return false; }) &&
           !stop.stop_requested())
      draw(false);
    draw(true);
  }};
}

progress::~progress() = default;

void progress::draw(bool last) {
  const double part = std::min(1.0, static_cast<double>(done_.load(std::memory_order_relaxed)) /
                                      static_cast<double>(total_));
  const double seconds = std::max(
    std::chrono::duration<double>(std::chrono::steady_clock::now() - started_).count(), 1e-3);
  const auto players = static_cast<std::uint64_t>(part * static_cast<double>(players_));
  const auto rate = static_cast<std::uint64_t>(static_cast<double>(players) / seconds);
  std::string text = with_commas(players) + " of " + with_commas(players_) + " players, " +
                     with_commas(rate) + "/s, ";
  if (part >= 1.0)
    text += last ? "rows written" : "building indexes";
  else if (part > 0)
    text += std::to_string(static_cast<std::uint64_t>(seconds / part * (1 - part)) + 1) + " s left";
  else
    text += "starting";

  if (!terminal_) {
    std::fprintf(stderr, "troupe: %s\n", text.c_str());
    return;
  }
  constexpr int width = 30;
  const int filled = static_cast<int>(part * width);
  const std::string bar = std::string(static_cast<std::size_t>(filled), '#') +
                          std::string(static_cast<std::size_t>(width - filled), '.');
  std::fprintf(stderr, "\r[%s] %3d%%  %s\x1b[K%s", bar.c_str(), static_cast<int>(part * 100),
               text.c_str(), last ? "\n" : "");
  std::fflush(stderr);
}

std::string with_commas(std::uint64_t number) {
  auto digits = std::to_string(number);
  for (auto at = static_cast<int>(digits.size()) - 3; at > 0; at -= 3)
    digits.insert(static_cast<std::size_t>(at), 1, ',');
  return digits;
}

} // namespace troupe::generation
