#include "persistence/postgres/binary.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <libpq-fe.h>

namespace troupe::postgres {

namespace {

/// Milliseconds from the Unix epoch to 2000-01-01, where Postgres counts from.
constexpr std::int64_t postgres_epoch_ms = 946'684'800'000;

/// The head of an array: dimensions, a flag for nulls, element type, length, lower bound.
constexpr std::size_t head_bytes = 20;

template <class T>
T swap(T value) noexcept {
  if constexpr (std::endian::native == std::endian::little)
    return std::byteswap(value);
  else
    return value;
}

template <class T>
void append(std::string& out, T value) {
  value = swap(value);
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

template <class T>
void overwrite(std::string& out, std::size_t at, T value) {
  value = swap(value);
  std::memcpy(out.data() + at, &value, sizeof value);
}

template <class T>
T read(const char* from) noexcept {
  T value{};
  std::memcpy(&value, from, sizeof value);
  return swap(value);
}

std::string_view view(const uuid& id) noexcept {
  return {reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size()};
}

uuid to_uuid(const char* from) noexcept {
  uuid id;
  std::memcpy(id.bytes.data(), from, id.bytes.size());
  return id;
}

} // namespace

// -- parameters -----------------------------------------------------------------------------------

array_parameter::array_parameter(element type) {
  bytes_.resize(head_bytes);
  overwrite<std::int32_t>(bytes_, 0, 1);
  overwrite<std::uint32_t>(bytes_, 8, static_cast<std::uint32_t>(type));
  overwrite<std::int32_t>(bytes_, 16, 1);
}

void array_parameter::length(std::int32_t bytes) {
  append(bytes_, bytes);
  ++count_;
}

void array_parameter::add(bool value) {
  length(1);
  bytes_ += static_cast<char>(value);
}
void array_parameter::add(std::int16_t value) {
  length(sizeof value);
  append(bytes_, value);
}
void array_parameter::add(std::int32_t value) {
  length(sizeof value);
  append(bytes_, value);
}
void array_parameter::add(std::int64_t value) {
  length(sizeof value);
  append(bytes_, value);
}
void array_parameter::add(std::string_view value) {
  length(static_cast<std::int32_t>(value.size()));
  bytes_ += value;
}
void array_parameter::add(const digest& value) {
  add(std::string_view{reinterpret_cast<const char*>(value.data()), value.size()});
}
void array_parameter::add(const uuid& value) { add(view(value)); }
void array_parameter::add(timestamp value) {
  add(static_cast<std::int64_t>((value.unix_ms - postgres_epoch_ms) * 1000));
}
void array_parameter::add_null() {
  length(-1);
  nulls_ = true;
}

std::string array_parameter::take() {
  if (count_ == 0) {
    // An empty array has no dimension.
    overwrite<std::int32_t>(bytes_, 0, 0);
    bytes_.resize(12);
  } else {
    overwrite<std::int32_t>(bytes_, 4, nulls_ ? 1 : 0);
    overwrite<std::int32_t>(bytes_, 12, count_);
  }
  return std::move(bytes_);
}

parameters& parameters::add(array_parameter&& value) {
  values_.push_back(value.take());
  return *this;
}
parameters& parameters::add(std::int32_t value) {
  append(values_.emplace_back(), value);
  return *this;
}
parameters& parameters::add(std::int64_t value) {
  append(values_.emplace_back(), value);
  return *this;
}
parameters& parameters::add(std::string_view value) {
  values_.emplace_back(value);
  return *this;
}
parameters& parameters::add(const uuid& value) {
  values_.emplace_back(view(value));
  return *this;
}

// -- results --------------------------------------------------------------------------------------

void rows::deleter::operator()(pg_result* result) const noexcept { PQclear(result); }

std::size_t rows::size() const noexcept {
  return static_cast<std::size_t>(PQntuples(result_.get()));
}

std::string_view rows::command_tag() const noexcept { return PQcmdStatus(result_.get()); }

bool rows::is_null(std::size_t row, int column) const noexcept {
  return PQgetisnull(result_.get(), static_cast<int>(row), column) != 0;
}
std::string_view rows::bytes(std::size_t row, int column) const noexcept {
  return {PQgetvalue(result_.get(), static_cast<int>(row), column),
          static_cast<std::size_t>(PQgetlength(result_.get(), static_cast<int>(row), column))};
}
bool rows::boolean(std::size_t row, int column) const noexcept {
  return bytes(row, column).front() != 0;
}
std::int16_t rows::int2(std::size_t row, int column) const noexcept {
  return read<std::int16_t>(bytes(row, column).data());
}
std::int32_t rows::int4(std::size_t row, int column) const noexcept {
  return read<std::int32_t>(bytes(row, column).data());
}
std::int64_t rows::int8(std::size_t row, int column) const noexcept {
  return read<std::int64_t>(bytes(row, column).data());
}
uuid rows::id(std::size_t row, int column) const noexcept {
  return to_uuid(bytes(row, column).data());
}
digest rows::hash(std::size_t row, int column) const noexcept {
  digest hash{};
  const auto stored = bytes(row, column);
  std::memcpy(hash.data(), stored.data(), std::min(stored.size(), hash.size()));
  return hash;
}
timestamp rows::time(std::size_t row, int column) const noexcept {
  return {int8(row, column) / 1000 + postgres_epoch_ms};
}

namespace {

/// Calls `each` with every element of an array without nulls.
template <class Each>
void for_each_element(std::string_view array, Each each) {
  if (array.size() < head_bytes) return; // null, or without a dimension
  const auto count = read<std::int32_t>(array.data() + 12);
  const char* at = array.data() + head_bytes;
  for (std::int32_t i = 0; i < count; ++i) {
    const auto length = read<std::int32_t>(at);
    each(at + 4);
    at += 4 + length;
  }
}

} // namespace

std::vector<uuid> rows::ids(std::size_t row, int column) const {
  std::vector<uuid> found;
  for_each_element(bytes(row, column), [&](const char* at) { found.push_back(to_uuid(at)); });
  return found;
}
std::vector<std::int32_t> rows::numbers(std::size_t row, int column) const {
  std::vector<std::int32_t> found;
  for_each_element(bytes(row, column),
                   [&](const char* at) { found.push_back(read<std::int32_t>(at)); });
  return found;
}

} // namespace troupe::postgres
