#include "gateway/encoding.hpp"

#include <cmath>

#include <glaze/json/generic.hpp>
#include <glaze/json/read.hpp>
#include <msgpack.hpp>
#include <zlib.h>

#include "base/json.hpp"
#include "base/msgpack.hpp"

namespace troupe::gateway {

namespace {

constexpr std::size_t max_depth = 64;
constexpr std::size_t max_json = 2 * 1024 * 1024; ///< of a transcoded request
constexpr int gzip_window = 15 + 16;              ///< with gzip's header and trailer

/// Writes JSON while msgpack's parser walks over a value. Takes no memory for what lengths claim.
struct json_writer : msgpack::null_visitor {
  std::string out;
  std::size_t depth = 0;
  bool key = false;

  bool room() const noexcept { return out.size() < max_json; }
  bool scalar(std::string_view text) {
    if (key) return false; // JSON's keys are text
    out.append(text);
    return room();
  }

  bool visit_nil() { return scalar("null"); }
  bool visit_boolean(bool v) { return scalar(v ? "true" : "false"); }
  bool visit_positive_integer(std::uint64_t v) { return scalar(std::to_string(v)); }
  bool visit_negative_integer(std::int64_t v) { return scalar(std::to_string(v)); }
  bool visit_float32(float v) { return visit_float64(static_cast<double>(v)); }
  bool visit_float64(double v) {
    if (!std::isfinite(v)) return false;
    return scalar(to_json(v));
  }
  bool visit_str(const char* v, std::uint32_t size) {
    std::string_view text{v, size};
    if (!is_utf8(text)) return false;
    append_json_string(out, text);
    return room();
  }
  bool visit_bin(const char*, std::uint32_t) { return false; }
  bool visit_ext(const char*, std::uint32_t) { return false; }
  bool start_array(std::uint32_t) {
    if (key) return false;
    out += '[';
    return ++depth <= max_depth;
  }
  bool end_array_item() {
    out += ',';
    return room();
  }
  bool end_array() { return end(']'); }
  bool start_map(std::uint32_t) {
    if (key) return false;
    out += '{';
    return ++depth <= max_depth;
  }
  bool start_map_key() {
    key = true;
    return true;
  }
  bool end_map_key() {
    key = false;
    out += ':';
    return true;
  }
  bool end_map_value() {
    out += ',';
    return room();
  }
  bool end_map() { return end('}'); }
  bool end(char close) {
    if (out.back() == ',')
      out.back() = close;
    else
      out += close;
    --depth;
    return true;
  }
};

using dom = glz::generic_json<glz::num_mode::u64>;

void write_msgpack(msgpack_detail::writer& out, const dom& value) {
  std::visit(
    [&]<class T>(const T& v) {
      if constexpr (std::same_as<T, std::nullptr_t>)
        out.nil();
      else if constexpr (std::same_as<T, bool>)
        out.boolean(v);
      else if constexpr (std::same_as<T, std::uint64_t>)
        out.natural(v);
      else if constexpr (std::same_as<T, std::int64_t>)
        out.integer(v);
      else if constexpr (std::same_as<T, double>)
        out.real(v);
      else if constexpr (std::same_as<T, std::string>)
        out.text(v);
      else if constexpr (std::same_as<T, dom::array_t>) {
        out.array(v.size());
        for (const auto& item : v) write_msgpack(out, item);
      } else {
        out.map(v.size());
        for (const auto& [name, item] : v) {
          out.text(name);
          write_msgpack(out, item);
        }
      }
    },
    value.data);
}

} // namespace

struct gzip_encoder::stream {
  z_stream z{};
  bool ready = false;
};

gzip_encoder::gzip_encoder() : stream_(std::make_unique<stream>()) {
  stream_->ready = deflateInit2(&stream_->z, 5, Z_DEFLATED, gzip_window, 8, Z_DEFAULT_STRATEGY) ==
                   Z_OK;
}

gzip_encoder::~gzip_encoder() {
  if (stream_->ready) deflateEnd(&stream_->z);
}

bool gzip_encoder::encode(std::string_view plain, std::string& out) {
  auto& z = stream_->z;
  if (!stream_->ready || plain.size() > UINT32_MAX / 2 || deflateReset(&z) != Z_OK) return false;
  out.resize(plain.size());
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(plain.data()));
  z.avail_in = static_cast<uInt>(plain.size());
  z.next_out = reinterpret_cast<Bytef*>(out.data());
  z.avail_out = static_cast<uInt>(out.size());
  if (deflate(&z, Z_FINISH) != Z_STREAM_END) return false;
  out.resize(z.total_out);
  return true;
}

result<std::string> msgpack_to_json(std::string_view bytes) {
  auto refused = [] { return fail(errc::malformed_body, "not a msgpack value that JSON can say"); };
  json_writer writer;
  std::size_t offset = 0;
  try {
    if (!msgpack::parse(bytes.data(), bytes.size(), offset, writer) || offset != bytes.size())
      return refused();
  } catch (const std::exception&) {
    return refused();
  }
  return std::move(writer.out);
}

result<std::string> json_to_msgpack(std::string_view text) {
  struct options : glz::opts {
    bool null_terminated = false;
  };
  dom document;
  glz::context context{};
  if (glz::read<options{}>(document, text, context)) return fail(errc::internal);
  std::string out;
  msgpack_detail::writer writer{out};
  write_msgpack(writer, document);
  return out;
}

} // namespace troupe::gateway
