#include "gateway/negotiation.hpp"

#include <algorithm>
#include <charconv>

namespace troupe::gateway {

namespace {

std::string_view trimmed(std::string_view text) noexcept {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

std::string_view take_until(std::string_view& text, char separator) noexcept {
  auto at = text.find(separator);
  auto part = text.substr(0, at);
  text = at == std::string_view::npos ? std::string_view{} : text.substr(at + 1);
  return trimmed(part);
}

bool equal_folded(std::string_view a, std::string_view b) noexcept {
  auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return std::ranges::equal(a, b, [&](char x, char y) { return lower(x) == lower(y); });
}

/// Thousandths. What is no quality counts as 1.
int quality(std::string_view parameters) noexcept {
  while (!parameters.empty()) {
    auto parameter = take_until(parameters, ';');
    if (parameter.size() < 2 || (parameter[0] != 'q' && parameter[0] != 'Q') || parameter[1] != '=')
      continue;
    parameter.remove_prefix(2);
    int value = 0;
    int digits = -1;
    for (char c : parameter) {
      if (c == '.') {
        digits = 0;
      } else if (c >= '0' && c <= '9' && digits < 3 && value < 10000) {
        value = value * 10 + (c - '0');
        if (digits >= 0) ++digits;
      }
    }
    for (digits = std::max(digits, 0); digits < 3; ++digits) value *= 10;
    return std::min(value, 1000);
  }
  return 1000;
}

bool is_msgpack(std::string_view type) noexcept {
  return equal_folded(type, "application/msgpack") || equal_folded(type, "application/x-msgpack") ||
         equal_folded(type, "application/vnd.msgpack");
}

bool is_lower_hex(std::string_view text) noexcept {
  return std::ranges::all_of(
    text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

/// The next entity tag of a list, without its quotes.
std::optional<std::string_view> take_tag(std::string_view& list, bool& weak) noexcept {
  auto item = take_until(list, ',');
  weak = item.starts_with("W/");
  if (weak) item.remove_prefix(2);
  if (item.size() < 2 || item.front() != '"' || item.back() != '"') return std::nullopt;
  return item.substr(1, item.size() - 2);
}

std::optional<std::int64_t> version_of(std::string_view tag) noexcept {
  std::int64_t version = 0;
  auto [end, error] = std::from_chars(tag.data(), tag.data() + tag.size(), version);
  if (error != std::errc{} || end != tag.data() + tag.size() || tag.front() == '-')
    return std::nullopt;
  return version;
}

} // namespace

std::optional<body_format> accepted_format(std::string_view accept) noexcept {
  if (accept.empty() || accept == "*/*" || accept == "application/json") return body_format::json;
  // The most specific range decides for each form.
  int json = -1, json_rank = 0, msgpack = -1, msgpack_rank = 0;
  auto offer = [](int& best, int& best_rank, int rank, int q) {
    if (rank > best_rank) {
      best_rank = rank;
      best = q;
    }
  };
  while (!accept.empty()) {
    auto range = take_until(accept, ',');
    auto type = take_until(range, ';');
    int q = quality(range);
    if (type == "*/*") {
      offer(json, json_rank, 1, q);
      offer(msgpack, msgpack_rank, 1, q);
    } else if (equal_folded(type, "application/*")) {
      offer(json, json_rank, 2, q);
      offer(msgpack, msgpack_rank, 2, q);
    } else if (equal_folded(type, "application/json") ||
               equal_folded(type, "application/problem+json")) {
      offer(json, json_rank, equal_folded(type, "application/json") ? 4 : 3, q);
    } else if (is_msgpack(type)) {
      offer(msgpack, msgpack_rank, 4, q);
    }
  }
  if (json <= 0 && msgpack <= 0) return std::nullopt;
  return msgpack > json ? body_format::msgpack : body_format::json;
}

bool accepts_gzip(std::string_view accept_encoding) noexcept {
  int gzip = -1;
  int rest = -1;
  while (!accept_encoding.empty()) {
    auto item = take_until(accept_encoding, ',');
    auto coding = take_until(item, ';');
    if (equal_folded(coding, "gzip") || equal_folded(coding, "x-gzip"))
      gzip = quality(item);
    else if (coding == "*")
      rest = quality(item);
  }
  return (gzip >= 0 ? gzip : rest) > 0;
}

std::optional<body_format> format_of(std::string_view content_type) noexcept {
  auto type = take_until(content_type, ';');
  while (!content_type.empty()) {
    auto parameter = take_until(content_type, ';');
    auto value = parameter;
    auto name = take_until(value, '=');
    if (value.size() >= 2 && value.front() == '"' && value.back() == '"')
      value = value.substr(1, value.size() - 2);
    if (equal_folded(name, "charset") && !equal_folded(value, "utf-8")) return std::nullopt;
  }
  if (equal_folded(type, "application/json")) return body_format::json;
  if (equal_folded(type, "application/x-www-form-urlencoded")) return body_format::form;
  if (is_msgpack(type)) return body_format::msgpack;
  return std::nullopt;
}

bool matches_none(std::string_view if_none_match, std::int64_t version) noexcept {
  if (trimmed(if_none_match) == "*") return true;
  while (!if_none_match.empty()) {
    bool weak = false;
    auto tag = take_tag(if_none_match, weak);
    if (tag && !tag->empty() && version_of(*tag) == version) return true;
  }
  return false;
}

match_condition parse_if_match(std::string_view if_match) {
  match_condition out;
  out.any = trimmed(if_match) == "*";
  while (!out.any && !if_match.empty()) {
    bool weak = false;
    auto tag = take_tag(if_match, weak);
    if (!tag || weak || tag->empty()) continue;
    if (auto version = version_of(*tag); version && out.versions.size() < 16)
      out.versions.push_back(*version);
  }
  return out;
}

std::optional<trace_context> parse_traceparent(std::string_view text) noexcept {
  // 00-<32 hex>-<16 hex>-<2 hex>; a later version may append, never shorten.
  if (text.size() < 55 || text[2] != '-' || text[35] != '-' || text[52] != '-') return std::nullopt;
  auto version = text.substr(0, 2);
  if (!is_lower_hex(version) || version == "ff" || (version == "00" && text.size() != 55) ||
      (text.size() > 55 && text[55] != '-'))
    return std::nullopt;
  trace_context out{text.substr(3, 32), text.substr(53, 2)};
  auto parent = text.substr(36, 16);
  if (!is_lower_hex(out.trace_id) || !is_lower_hex(parent) || !is_lower_hex(out.flags))
    return std::nullopt;
  auto zero = [](std::string_view digits) {
    return digits.find_first_not_of('0') == std::string_view::npos;
  };
  if (zero(out.trace_id) || zero(parent)) return std::nullopt;
  return out;
}

bool is_request_id(std::string_view text) noexcept {
  if (text.empty() || text.size() > 64) return false;
  return std::ranges::all_of(text, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
           c == '_' || c == '.' || c == ':';
  });
}

bool is_idempotency_key(std::string_view text) noexcept {
  if (text.empty() || text.size() > 255) return false;
  return std::ranges::all_of(text, [](char c) { return c >= 0x20 && c < 0x7F; });
}

} // namespace troupe::gateway
