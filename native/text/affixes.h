// What is cut off before, behind and inside a word, and what counts as a URL and is left whole. Positions are in characters.
#ifndef LORA_TEXT_AFFIXES_H
#define LORA_TEXT_AFFIXES_H

#include <cstddef>
#include <string_view>
#include <utility>
#include <vector>

namespace lora {

// Characters of a piece with their classes; a part of it is given by two positions. Keeps its memory from one piece to the next.
struct PieceText {
  void read(std::string_view text);

  std::vector<char32_t> characters;
  std::vector<unsigned short> classes;
  std::vector<std::size_t> bytes;  // where each character begins, and the end
  std::size_t count = 0;           // of characters

  std::string_view text(std::size_t begin, std::size_t end) const { return whole.substr(bytes[begin], bytes[end] - bytes[begin]); }
  std::string_view whole;
};

std::size_t prefix_length(const PieceText& piece, std::size_t begin, std::size_t end);
std::size_t suffix_length(const PieceText& piece, std::size_t begin, std::size_t end);
// Where infixes begin and end, in order.
void infixes(const PieceText& piece, std::size_t begin, std::size_t end, std::vector<std::pair<std::size_t, std::size_t>>& out);
bool is_url(const PieceText& piece, std::size_t begin, std::size_t end);

}  // namespace lora

#endif
