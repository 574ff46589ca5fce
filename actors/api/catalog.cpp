#include "actors/api/catalog.hpp"

#include <algorithm>

#include "actors/api/directory.hpp"

namespace troupe {

namespace {

template <class Record>
void sort_by_id(std::vector<Record>& records) {
  std::ranges::sort(records, {}, &Record::id);
}

template <class Record>
const Record* find_by_id(const std::vector<Record>& records, const uuid& id) {
  auto at = std::ranges::lower_bound(records, id, {}, &Record::id);
  return at != records.end() && at->id == id ? &*at : nullptr;
}

} // namespace

catalog_snapshot::catalog_snapshot(catalog_image image)
  : studios_(std::move(image.studios)),
    games_(std::move(image.games)),
    staff_(std::move(image.staff)) {
  sort_by_id(studios_);
  sort_by_id(games_);
  sort_by_id(staff_);
  for (const auto& game : games_) games_by_studio_[game.studio_id].push_back(game);
  for (std::size_t i = 0; i < studios_.size(); ++i)
    studio_by_name_.emplace(fold_name(studios_[i].name), i);
}

const studio_record* catalog_snapshot::find_studio(const uuid& id) const {
  return find_by_id(studios_, id);
}

const studio_record* catalog_snapshot::find_studio_by_name(std::string_view name) const {
  auto found = studio_by_name_.find(fold_name(name));
  return found == studio_by_name_.end() ? nullptr : &studios_[found->second];
}

const game_record* catalog_snapshot::find_game(const uuid& id) const {
  return find_by_id(games_, id);
}

const staff_record* catalog_snapshot::find_staff(const uuid& id) const {
  return find_by_id(staff_, id);
}

const std::vector<game_record>& catalog_snapshot::games_of(const uuid& studio_id) const {
  static const std::vector<game_record> none;
  auto found = games_by_studio_.find(studio_id);
  return found == games_by_studio_.end() ? none : found->second;
}

} // namespace troupe
