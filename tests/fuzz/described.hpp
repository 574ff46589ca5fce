// A described struct with every kind of member, for the fuzz targets.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/json.hpp"
#include "base/timestamp.hpp"
#include "base/uuid.hpp"

namespace troupe::fuzz {

struct part {
  std::string label;
  std::optional<std::int32_t> small;

  bool operator==(const part&) const = default;
};

struct described {
  std::string name;
  uuid id;
  timestamp at;
  std::int64_t number = 0;
  std::uint16_t port = 0;
  bool flag = false;
  std::vector<part> parts;
  std::optional<part> last;

  bool operator==(const described&) const = default;
};

} // namespace troupe::fuzz

template <>
struct glz::json_schema<troupe::fuzz::described> {
  schema name{.minLength = 3, .maxLength = 32, .pattern = "^[A-Za-z0-9_-]+$"};
  schema number{.minimum = std::int64_t{-5}, .maximum = std::int64_t{1'000'000}};
};
