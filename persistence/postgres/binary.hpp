#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/timestamp.hpp"
#include "base/uuid.hpp"
#include "persistence/records.hpp"

struct pg_result;

// Postgres' binary format: parameters out, results in. No text is formatted, quoted or parsed.
// Source: the send and receive functions of PostgreSQL's array, uuid and timestamp types.

namespace troupe::postgres {

/// The types we send arrays of, by their fixed ids in Postgres' catalogue.
enum class element : std::uint32_t {
  boolean = 16,
  bytea = 17,
  int8 = 20,
  int2 = 21,
  int4 = 23,
  text = 25,
  timestamptz = 1184,
  uuid = 2950,
};

/// A one-dimensional array under construction.
class array_parameter {
public:
  explicit array_parameter(element type);

  void add(bool value);
  void add(std::int16_t value);
  void add(std::int32_t value);
  void add(std::int64_t value);
  void add(std::string_view value); ///< text or bytea
  void add(const char*) = delete;   // would go to bool
  void add(const digest& value);
  void add(const uuid& value);
  void add(timestamp value);
  void add_null();

  std::int32_t size() const noexcept { return count_; }

  /// The finished value; the array is used up.
  std::string take();

private:
  void length(std::int32_t bytes);

  std::string bytes_;
  std::int32_t count_ = 0;
  bool nulls_ = false;
};

/// The parameters of one call of a statement, in order.
class parameters {
public:
  parameters& add(array_parameter&& value);
  parameters& add(std::int32_t value);
  parameters& add(std::int64_t value);
  parameters& add(std::string_view value);
  parameters& add(const char*) = delete;
  parameters& add(const uuid& value);

  std::span<const std::string> values() const noexcept { return values_; }

private:
  std::vector<std::string> values_;
};

/// The rows a statement gave back. An accessor must fit the column's type; columns count from 0.
class rows {
public:
  explicit rows(pg_result* owned) : result_(owned) {}

  std::size_t size() const noexcept;
  /// `COMMIT`, `INSERT 0 5`, …
  std::string_view command_tag() const noexcept;

  bool is_null(std::size_t row, int column) const noexcept;
  bool boolean(std::size_t row, int column) const noexcept;
  std::int16_t int2(std::size_t row, int column) const noexcept;
  std::int32_t int4(std::size_t row, int column) const noexcept;
  std::int64_t int8(std::size_t row, int column) const noexcept;
  /// Text or bytea; valid as long as this object.
  std::string_view bytes(std::size_t row, int column) const noexcept;
  std::string text(std::size_t row, int column) const { return std::string{bytes(row, column)}; }
  uuid id(std::size_t row, int column) const noexcept;
  digest hash(std::size_t row, int column) const noexcept;
  timestamp time(std::size_t row, int column) const noexcept;
  /// An array without nulls; empty for null.
  std::vector<uuid> ids(std::size_t row, int column) const;
  std::vector<std::int32_t> numbers(std::size_t row, int column) const;

private:
  struct deleter {
    void operator()(pg_result* result) const noexcept;
  };
  std::unique_ptr<pg_result, deleter> result_;
};

} // namespace troupe::postgres
