// str.splitlines ends lines at LF, CR, CR LF, VT, FF, the separators 1C to 1E, 85, 2028 and 2029.
#include "text/lines.h"

#include "text/scan.h"

namespace lora {

void split_lines(std::string_view text, std::vector<std::string_view>& lines) {
  lines.clear();
  std::size_t begin = 0;
  const std::size_t n = text.size();
  for (std::size_t at = next_unusual(text, 0, 0x1F); at < n; at = next_unusual(text, at, 0x1F)) {
    const unsigned char c = static_cast<unsigned char>(text[at]);
    std::size_t end_length = 0;
    if (c <= 0x1E) {
      if (c == '\n' || c == 0x0B || c == 0x0C || c >= 0x1C) end_length = 1;
      else if (c == '\r') end_length = at + 1 < n && text[at + 1] == '\n' ? 2 : 1;
    } else if (c == 0xC2) {
      end_length = at + 1 < n && text[at + 1] == '\x85' ? 2 : 0;
    } else if (c == 0xE2) {
      end_length = at + 2 < n && text[at + 1] == '\x80' && (text[at + 2] == '\xA8' || text[at + 2] == '\xA9') ? 3 : 0;
    }
    if (end_length == 0) {
      ++at;
      continue;
    }
    lines.push_back(text.substr(begin, at - begin));
    at += end_length;
    begin = at;
  }
  if (begin < n) lines.push_back(text.substr(begin));
}

void split_at_newlines(std::string_view text, std::size_t least, std::vector<std::string_view>& parts) {
  parts.clear();
  std::size_t begin = 0;
  for (std::size_t at = text.find('\n'); at != std::string_view::npos; at = text.find('\n', at)) {
    std::size_t end = at;
    while (end < text.size() && text[end] == '\n') ++end;
    if (end - at >= least) {
      parts.push_back(text.substr(begin, at - begin));
      begin = end;
    }
    at = end;
  }
  parts.push_back(text.substr(begin));
}

}  // namespace lora
