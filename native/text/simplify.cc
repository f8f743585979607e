// One pass: a number is a run of digits with at most one "." or "," and digits after it.
#include "text/simplify.h"

namespace lora {

namespace {

bool is_digit(unsigned char c) { return c >= '0' && c <= '9'; }

// ASCII control characters, white space and punctuation.
bool is_gap(unsigned char c) {
  return c <= ' ' || c == 127 || (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') ||
         (c >= '{' && c <= '~');
}

}  // namespace

void simplify(std::string_view text, std::string& out) {
  const std::size_t start = out.size(), n = text.size();
  bool gap = false;
  for (std::size_t i = 0; i < n;) {
    const unsigned char c = static_cast<unsigned char>(text[i]);
    if (is_gap(c)) {
      gap = true;
      ++i;
      continue;
    }
    if (gap && out.size() > start) out.push_back(' ');
    gap = false;
    if (is_digit(c)) {
      while (i < n && is_digit(text[i])) ++i;
      if (i + 1 < n && (text[i] == '.' || text[i] == ',') && is_digit(text[i + 1])) {
        ++i;
        while (i < n && is_digit(text[i])) ++i;
      }
      out.push_back('0');
      continue;
    }
    out.push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : static_cast<char>(c));
    ++i;
  }
}

}  // namespace lora
