#include "gateway/http/message.hpp"

namespace troupe::gateway::http {

std::string_view to_string(method m) noexcept {
  switch (m) {
    case method::get: return "GET";
    case method::head: return "HEAD";
    case method::post: return "POST";
    case method::put: return "PUT";
    case method::patch: return "PATCH";
    case method::delete_: return "DELETE";
    case method::options: return "OPTIONS";
    case method::other: break;
  }
  return "OTHER";
}

bool is_field_value(std::string_view text) noexcept {
  for (char c : text)
    if ((c < 0x20 && c != '\t') || c == 0x7F || static_cast<unsigned char>(c) > 0x7F) return false;
  return true;
}

namespace {

int hex_value(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

} // namespace

bool percent_decode(std::string_view text, bool plus, std::string& out) {
  out.clear();
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '%') {
      if (at + 2 >= text.size()) return false;
      int high = hex_value(text[at + 1]);
      int low = hex_value(text[at + 2]);
      if (high < 0 || low < 0) return false;
      out += static_cast<char>(high * 16 + low);
      at += 2;
    } else {
      out += plus && text[at] == '+' ? ' ' : text[at];
    }
  }
  return true;
}

} // namespace troupe::gateway::http
