#pragma once

#include <optional>
#include <string_view>

#include "persistence/records.hpp"

namespace troupe {

/// A job about a unique name, committed with the change that makes it necessary and carried to the
/// directory afterwards.
struct name_job {
  std::string key; ///< folded name
  account_ref account;
  uuid op_id;
};

inline constexpr std::string_view confirm_name_job = "confirm_name";
inline constexpr std::string_view release_name_job = "release_name";

job_record make_name_job(std::string_view kind, const name_job& job);
std::optional<name_job> read_name_job(const job_record& record);

} // namespace troupe
