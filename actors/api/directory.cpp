#include "actors/api/directory.hpp"

namespace troupe {

std::string fold_name(std::string_view name) {
  std::string folded{name};
  for (char& c : folded)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return folded;
}

} // namespace troupe
