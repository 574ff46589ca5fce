#include "base/msgpack.hpp"

#include <msgpack.hpp>

namespace troupe::msgpack_detail {

namespace {

/// What msgpack's packer wants of a stream.
struct sink {
  std::string& out;
  void write(const char* data, std::size_t size) { out.append(data, size); }
};

const msgpack::object& object_of(const void* object) noexcept {
  return *static_cast<const msgpack::object*>(object);
}

/// Walks the input without keeping anything: sums up what nested arrays and maps claim to hold, which
/// the unpacker would take memory for level by level.
struct claims : msgpack::null_visitor {
  std::uint64_t left;
  explicit claims(std::uint64_t most) noexcept : left(most) {}
  bool start_array(std::uint32_t size) noexcept { return take(size); }
  bool start_map(std::uint32_t size) noexcept { return take(std::uint64_t{size} * 2); }
  bool take(std::uint64_t size) noexcept {
    if (size > left) return false;
    left -= size;
    return true;
  }
};

/// Below this size even claims at every level cost little.
constexpr std::size_t small_input = 512;

bool claims_hold(std::string_view bytes) {
  if (bytes.size() <= small_input) return true;
  claims visitor{bytes.size()};
  std::size_t offset = 0;
  return msgpack::parse(bytes.data(), bytes.size(), offset, visitor);
}

} // namespace

// -- writer ---------------------------------------------------------------------------------------

void writer::nil() {
  sink to{out_};
  msgpack::packer<sink>(to).pack_nil();
}

void writer::boolean(bool value) {
  sink to{out_};
  msgpack::packer<sink> packer(to);
  if (value)
    packer.pack_true();
  else
    packer.pack_false();
}

void writer::integer(std::int64_t value) {
  sink to{out_};
  msgpack::packer<sink>(to).pack_int64(value);
}

void writer::natural(std::uint64_t value) {
  sink to{out_};
  msgpack::packer<sink>(to).pack_uint64(value);
}

void writer::real(double value) {
  sink to{out_};
  msgpack::packer<sink>(to).pack_double(value);
}

void writer::text(std::string_view value) {
  sink to{out_};
  msgpack::packer<sink> packer(to);
  auto size = static_cast<std::uint32_t>(value.size());
  packer.pack_str(size);
  packer.pack_str_body(value.data(), size);
}

void writer::binary(const void* data, std::size_t size) {
  sink to{out_};
  msgpack::packer<sink> packer(to);
  packer.pack_bin(static_cast<std::uint32_t>(size));
  packer.pack_bin_body(static_cast<const char*>(data), static_cast<std::uint32_t>(size));
}

void writer::array(std::size_t size) {
  sink to{out_};
  msgpack::packer<sink>(to).pack_array(static_cast<std::uint32_t>(size));
}

void writer::map(std::size_t size) {
  sink to{out_};
  msgpack::packer<sink>(to).pack_map(static_cast<std::uint32_t>(size));
}

// -- reader ---------------------------------------------------------------------------------------

bool node::is_nil() const noexcept { return object_of(object_).type == msgpack::type::NIL; }

std::optional<bool> node::boolean() const noexcept {
  const auto& o = object_of(object_);
  if (o.type != msgpack::type::BOOLEAN) return std::nullopt;
  return o.via.boolean;
}

std::optional<std::int64_t> node::integer() const noexcept {
  const auto& o = object_of(object_);
  if (o.type == msgpack::type::NEGATIVE_INTEGER) return o.via.i64;
  if (o.type != msgpack::type::POSITIVE_INTEGER || o.via.u64 > INT64_MAX) return std::nullopt;
  return static_cast<std::int64_t>(o.via.u64);
}

std::optional<std::uint64_t> node::natural() const noexcept {
  const auto& o = object_of(object_);
  if (o.type != msgpack::type::POSITIVE_INTEGER) return std::nullopt;
  return o.via.u64;
}

std::optional<double> node::real() const noexcept {
  const auto& o = object_of(object_);
  if (o.type == msgpack::type::FLOAT32 || o.type == msgpack::type::FLOAT64) return o.via.f64;
  if (o.type == msgpack::type::POSITIVE_INTEGER) return static_cast<double>(o.via.u64);
  if (o.type == msgpack::type::NEGATIVE_INTEGER) return static_cast<double>(o.via.i64);
  return std::nullopt;
}

std::optional<std::string_view> node::text() const noexcept {
  const auto& o = object_of(object_);
  if (o.type != msgpack::type::STR) return std::nullopt;
  return std::string_view{o.via.str.ptr, o.via.str.size};
}

std::optional<std::string_view> node::binary() const noexcept {
  const auto& o = object_of(object_);
  if (o.type != msgpack::type::BIN) return std::nullopt;
  return std::string_view{o.via.bin.ptr, o.via.bin.size};
}

std::optional<std::size_t> node::array_size() const noexcept {
  const auto& o = object_of(object_);
  if (o.type != msgpack::type::ARRAY) return std::nullopt;
  return o.via.array.size;
}

node node::element(std::size_t at) const noexcept {
  return node{object_of(object_).via.array.ptr + at};
}

bool node::is_map() const noexcept { return object_of(object_).type == msgpack::type::MAP; }

std::optional<node> node::member(std::string_view key, std::size_t hint) const noexcept {
  const auto& map = object_of(object_).via.map;
  for (std::size_t step = 0; step < map.size; ++step) {
    const auto& pair = map.ptr[(hint + step) % map.size];
    if (pair.key.type == msgpack::type::STR &&
        key == std::string_view{pair.key.via.str.ptr, pair.key.via.str.size})
      return node{&pair.val};
  }
  return std::nullopt;
}

struct document::holder {
  msgpack::object_handle handle;
};

result<document> document::parse(std::string_view bytes, msgpack_limits limits) {
  if (bytes.size() > limits.bytes) return fail(errc::body_too_large, "msgpack value is too large");
  // A length that the input claims may not exceed the input itself, or it would cost memory for nothing.
  const msgpack::unpack_limit bound(bytes.size(), bytes.size(), bytes.size(), bytes.size(), 0,
                                    limits.depth);
  auto held = std::make_shared<holder>();
  try {
    if (!claims_hold(bytes)) return fail(errc::malformed_body, "not a valid msgpack value");
    std::size_t offset = 0;
    bool referenced = false;
    // Text and bin stay where they are, in `bytes`: it lives longer than the document.
    held->handle = msgpack::unpack(
      bytes.data(), bytes.size(), offset, referenced,
      [](msgpack::type::object_type, std::size_t, void*) { return true; }, nullptr, bound);
    if (offset != bytes.size()) return fail(errc::malformed_body, "bytes follow the msgpack value");
  } catch (const std::exception&) {
    return fail(errc::malformed_body, "not a valid msgpack value");
  }
  return document{std::move(held)};
}

node document::root() const noexcept { return node{&held_->handle.get()}; }

} // namespace troupe::msgpack_detail
