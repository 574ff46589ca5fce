#include "actors/cluster/link/certificate_watch.hpp"

#include "base/log.hpp"

namespace troupe::links {

using namespace std::chrono_literals;

namespace {

constexpr auto look_interval = 2s;

} // namespace

certificate_watch::certificate_watch(std::shared_ptr<credentials> own)
  : own_(std::move(own)), stamps_(own_->stamps()), shown_(own_->own()) {}

std::optional<std::vector<std::string>> certificate_watch::look() {
  const auto now = std::chrono::steady_clock::now();
  if (now < next_) return std::nullopt;
  next_ = now + look_interval;
  auto stamps = own_->stamps();
  if (stamps == stamps_) return std::nullopt;
  stamps_ = std::move(stamps); // files that do not fit are not tried again before they change
  if (!own_->reload()) return std::nullopt;
  const auto before = std::exchange(shown_, own_->own());
  if (before == shown_) return std::nullopt;
  log::info("link", "certificate_changed", {{"fingerprint", to_string(shown_)}});
  return std::vector{to_string(shown_), to_string(before)};
}

} // namespace troupe::links
