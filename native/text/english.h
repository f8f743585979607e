// spaCy's special cases of English and its rules for what is cut off before, behind and inside a word. Data in english.inc.
#ifndef LORA_TEXT_ENGLISH_H
#define LORA_TEXT_ENGLISH_H

#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "text/affixes.h"

namespace lora {

struct SpecialCase {
  std::string_view text;
  std::vector<std::uint32_t> lengths;  // bytes of each of its words
};

// Words that are put together again when they stand side by side, by their first word.
struct SpecialSequence {
  std::vector<std::string_view> words;
  std::uint32_t special = 0;  // index of its special case
};

// What cutting works with; kept from one piece to the next.
struct CutSpace {
  PieceText piece;
  std::vector<std::size_t> suffixes;  // where each begins, from the last to the first
  std::vector<std::pair<std::size_t, std::size_t>> inside;
};

// Lengths of texts by their first and by their last byte: says no about most texts without hashing them.
class Outline {
 public:
  static constexpr std::size_t kLongest = 63;  // bytes
  void add(std::string_view text);
  bool may_have(std::string_view text) const {
    return !text.empty() && text.size() <= kLongest &&
           (first_[static_cast<unsigned char>(text.front())] & last_[static_cast<unsigned char>(text.back())] &
            std::uint64_t{1} << text.size()) != 0;
  }

 private:
  std::uint64_t first_[256] = {}, last_[256] = {};  // a bit for each length
};

class English {
 public:
  static const English& rules();

  // Index of a special case, or -1.
  std::int32_t special(std::string_view text) const;
  const SpecialCase& special_case(std::uint32_t index) const { return cases_[index]; }

  // Group of sequences whose first word this is; 0: none.
  std::uint16_t group(std::string_view word) const;
  const std::vector<SpecialSequence>& sequences(std::uint16_t group) const { return groups_[group - 1].sequences; }
  // Whether a word that begins with this byte may be the second of one of its sequences, or one has no second.
  bool may_follow(std::uint16_t group, char first) const {
    const auto byte = static_cast<unsigned char>(first);
    return groups_[group - 1].alone || (groups_[group - 1].seconds[byte >> 6] >> (byte & 63) & 1) != 0;
  }

  // Cuts a piece of text without white space; appends the byte lengths of its words.
  void cut(std::string_view text, bool with_specials, CutSpace& space, std::vector<std::uint32_t>& lengths) const;

 private:
  struct Group {
    std::vector<SpecialSequence> sequences;
    std::uint64_t seconds[4] = {};  // first bytes of second words, a bit each
    bool alone = false;             // has a sequence of one word
  };

  English();

  std::vector<SpecialCase> cases_;
  Outline special_outline_, group_outline_;
  std::vector<std::uint32_t> slots_;  // hash table over cases_; index + 1
  std::vector<Group> groups_;
  std::unordered_map<std::string_view, std::uint16_t> group_of_;
};

}  // namespace lora

#endif
