// Properties of characters as Python's str methods, spaCy's rules and datatrove's lists have them. Data in classes.inc.
#ifndef LORA_TEXT_CLASSES_H
#define LORA_TEXT_CLASSES_H

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace lora {

enum Class : std::uint16_t {
  kSpace = 1,             // str.isspace
  kLetter = 2,            // str.isalpha
  kSymbol = 4,            // datatrove's PUNCTUATION_SET
  kPrefix = 8,            // cut off before a word
  kSuffix = 16,           // cut off after a word
  kBeforeDot = 32,        // after it a full stop is cut off
  kUpper = 64,            // spaCy's classes of letters; scripts without case are in all three
  kLower = 128,
  kAlpha = 256,
  kQuote = 512,
  kIcon = 1024,
  kPunctuation = 2048,    // Unicode category P*
  kSentenceEnd = 4096,
  kTerminal = 8192,       // datatrove's TERMINAL_PUNCTUATION
  kWordLetter = 16384,    // \w
  kDigit = 32768          // Unicode category Nd
};

// One entry a code point, up to U+10FFFF.
const std::uint16_t* class_table();

// The code point at text[at]; moves `at` behind it. The text is valid UTF-8.
inline char32_t next_character(std::string_view text, std::size_t& at) {
  const auto byte = [&](std::size_t i) { return static_cast<char32_t>(static_cast<unsigned char>(text[i])); };
  const char32_t first = byte(at);
  if (first < 0x80) return ++at, first;
  const std::size_t more = first >= 0xF0 ? 3 : first >= 0xE0 ? 2 : 1;
  if (at + more >= text.size()) return at = text.size(), 0xFFFD;
  char32_t code = first & (0x3F >> more);
  for (std::size_t i = 1; i <= more; ++i) code = (code << 6) | (byte(at + i) & 0x3F);
  at += more + 1;
  return code < 0x110000 ? code : 0xFFFD;
}

}  // namespace lora

#endif
