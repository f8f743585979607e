// spaCy's special cases of English and its rules for what is cut off before, behind and inside a word. Data in english.inc.
#ifndef LORA_TEXT_ENGLISH_H
#define LORA_TEXT_ENGLISH_H

#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <vector>

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

class English {
 public:
  static const English& rules();

  // Index of a special case, or -1.
  std::int32_t special(std::string_view text) const;
  const SpecialCase& special_case(std::uint32_t index) const { return cases_[index]; }

  // Group of sequences whose first word this is; 0: none.
  std::uint16_t group(std::string_view word) const;
  const std::vector<SpecialSequence>& sequences(std::uint16_t group) const { return groups_[group - 1]; }

  // Cuts a piece of text without white space; appends the byte lengths of its words.
  void cut(std::string_view piece, bool with_specials, std::vector<std::uint32_t>& lengths) const;

 private:
  English();

  std::vector<SpecialCase> cases_;
  std::vector<std::uint32_t> slots_;  // hash table over cases_; index + 1
  std::vector<std::vector<SpecialSequence>> groups_;
  std::unordered_map<std::string_view, std::uint16_t> group_of_;
};

}  // namespace lora

#endif
