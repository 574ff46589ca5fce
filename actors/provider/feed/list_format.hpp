#pragma once

#include <memory>
#include <string_view>

#include "actors/provider/feed/feed_format.hpp"

namespace troupe {

/// What a format calls the things it has in common with the others.
struct list_names {
  std::string_view root;
  std::string_view base;
  std::string_view event;
  std::string_view base_id;
  std::string_view event_id;
  std::string_view starts_at;
  std::string_view ends_at;
};

/// The family of formats with a list of bases, which hold events, which hold zones:
///
///     <base base_id sell_mode title [organizer_company_id]>
///       <event event_id starts_at ends_at sold_out [sell_from] [sell_to]>
///         <zone zone_id capacity price name numbered/>
///
/// Bases may stand at any depth below the root; an event only counts directly in a base, a zone directly in
/// an event. An attribute of a base that is missing or wrong rejects each of its events, one of a zone the
/// event that it is in.
class list_format final : public feed_format {
public:
  constexpr explicit list_format(const list_names& names) : names_{names} {}

  std::string_view name() const noexcept override { return names_.root; }
  bool has_root(std::string_view element) const noexcept override { return element == names_.root; }
  std::unique_ptr<feed_handler> make_handler(feed_output& out) const override;

private:
  list_names names_;
};

} // namespace troupe
