#include "actors/provider/feed/list_format.hpp"

#include <utility>

#include <fmt/format.h>

#include "actors/provider/feed/attribute_reader.hpp"

namespace troupe {

namespace {

class list_handler final : public feed_handler {
public:
  list_handler(const list_names& names, feed_output& out) : names_{names}, out_{out} {}

  void start(std::string_view name, const feed_attributes& attributes) override {
    if (skipped_ > 0) {
      ++skipped_;
    } else if (place_ == place::event) {
      if (name == "zone") read_zone(attributes);
      ++skipped_; // what a zone holds is of no interest
    } else if (place_ == place::base) {
      if (name == names_.event) return open_event(attributes);
      ++skipped_;
    } else if (name == names_.base) {
      open_base(attributes);
    } else if (name == names_.event) {
      out_.reject(
        {.reason = fmt::format("{}: not in a {}", names_.event, names_.base), .line = out_.line()});
      ++skipped_;
    }
  }

  void end() override {
    if (skipped_ > 0) {
      --skipped_;
    } else if (place_ == place::event) {
      close_event();
      place_ = place::base;
    } else if (place_ == place::base) {
      place_ = place::list;
    }
  }

private:
  enum class place { list, base, event };

  /// What is wrong first with what is being read, and where.
  struct problem {
    std::string reason; ///< "" while nothing is
    std::uint64_t line = 0;
  };

  void note(problem& where, attribute_reader& read) {
    if (where.reason.empty() && !read.problem().empty())
      where = {std::move(read).problem(), out_.line()};
  }

  void open_base(const feed_attributes& attributes) {
    place_ = place::base;
    base_problem_ = {};
    base_ = {};
    attribute_reader read{names_.base, attributes};
    base_.base_id = read.id(names_.base_id);
    base_.title = read.text("title", false);
    base_.online = read.word("sell_mode") == "online";
    base_.organizer_id = read.optional_id("organizer_company_id");
    note(base_problem_, read);
  }

  void open_event(const feed_attributes& attributes) {
    place_ = place::event;
    problem_ = base_problem_;
    auto zones = std::move(event_.zones);
    zones.clear(); // keeps its memory when the last event was rejected
    event_ = base_;
    event_.zones = std::move(zones);
    attribute_reader read{names_.event, attributes};
    event_.id = read.id(names_.event_id);
    event_.starts_at = read.time(names_.starts_at);
    event_.ends_at = read.time(names_.ends_at);
    event_.sold_out = read.flag("sold_out");
    event_.sell_from = read.optional_time("sell_from");
    event_.sell_to = read.optional_time("sell_to");
    if (event_.ends_at < event_.starts_at) read.refuse(names_.ends_at, "before the start");
    note(problem_, read);
  }

  void read_zone(const feed_attributes& attributes) {
    if (!problem_.reason.empty()) return;
    if (event_.zones.size() == feed_bounds::zones) {
      problem_ = {fmt::format("{}: more than {} zones", names_.event, feed_bounds::zones),
                  out_.line()};
      return;
    }
    attribute_reader read{"zone", attributes};
    auto& zone = event_.zones.emplace_back();
    zone.id = read.id("zone_id");
    zone.name = read.text("name", true);
    zone.capacity = read.count("capacity");
    zone.price = read.price("price");
    zone.numbered = read.flag("numbered");
    note(problem_, read);
  }

  void close_event() {
    if (problem_.reason.empty()) return out_.accept(std::move(event_));
    out_.reject({.base_id = std::move(event_.base_id),
                 .id = std::move(event_.id),
                 .reason = std::move(problem_.reason),
                 .line = problem_.line});
  }

  const list_names& names_;
  feed_output& out_;
  place place_ = place::list;
  std::size_t skipped_ = 0; ///< open elements of no interest
  feed_event base_;         ///< what the events of the open base have in common
  problem base_problem_;
  feed_event event_;
  problem problem_;
};

} // namespace

std::unique_ptr<feed_handler> list_format::make_handler(feed_output& out) const {
  return std::make_unique<list_handler>(names_, out);
}

} // namespace troupe
