// Lines, white space and counting as Python's str does them.
#ifndef LORA_TEXT_LINES_H
#define LORA_TEXT_LINES_H

#include <string_view>
#include <vector>

#include "text/classes.h"

namespace lora {

// Bytes of a white space character that begins at, or ends before, a place; 0: it is none.
inline std::size_t white_before(std::string_view text, std::size_t end) {
  std::size_t begin = end;
  do {
    --begin;
  } while (begin > 0 && (static_cast<unsigned char>(text[begin]) & 0xC0) == 0x80);
  std::size_t behind = begin;
  return (class_table()[next_character(text, behind)] & kSpace) ? end - begin : 0;
}

inline std::string_view left_stripped(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    std::size_t behind = at;
    if (!(class_table()[next_character(text, behind)] & kSpace)) break;
    at = behind;
  }
  return text.substr(at);
}

inline std::string_view right_stripped(std::string_view text) {
  std::size_t end = text.size();
  while (end > 0) {
    const std::size_t white = white_before(text, end);
    if (white == 0) break;
    end -= white;
  }
  return text.substr(0, end);
}

inline std::string_view stripped(std::string_view text) { return left_stripped(right_stripped(text)); }

inline bool ends_with(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

inline bool starts_with(std::string_view text, std::string_view start) { return text.substr(0, start.size()) == start; }

inline std::size_t count_of(std::string_view text, std::string_view part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != std::string_view::npos; at = text.find(part, at + part.size())) ++count;
  return count;
}

// str.splitlines
void split_lines(std::string_view text, std::vector<std::string_view>& lines);

// re.split("\n{least,}")
void split_at_newlines(std::string_view text, std::size_t least, std::vector<std::string_view>& parts);

}  // namespace lora

#endif
