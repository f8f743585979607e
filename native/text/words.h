// Words of a text as spaCy's blank English pipeline cuts them, which is what datatrove's filters and MinHash count. Written from
// spaCy's documented algorithm: special cases, prefixes, suffixes, URLs, infixes, and special cases once more over the words.
#ifndef LORA_TEXT_WORDS_H
#define LORA_TEXT_WORDS_H

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace lora {

enum WordFlag : std::uint8_t {
  kHasLetter = 1,       // one of its characters is alphabetic
  kAllSymbols = 2,      // all of its characters are in datatrove's PUNCTUATION_SET
  kAllPunctuation = 4,  // all of its characters are of a Unicode category P*
  kEndsSentence = 8,
  kWhite = 16           // white space that is no single space; no word
};

struct Word {
  std::uint32_t begin = 0, length = 0;  // bytes
  std::uint32_t characters = 0;
  std::uint8_t flags = 0;
  std::uint8_t stop = 0;                // which stop word it is, from 1; 0: none
  std::uint16_t starts = 0;             // group of special sequences that begin with it; 0: none
  std::uint64_t hash = 0, power = 0;    // of its bytes: hashes of words side by side can be joined
};

// Remembers pieces it has cut: one for each thread.
class WordCutter {
  static constexpr std::size_t kLongestKept = 18;

 public:
  WordCutter();

  // Fills `words`; white space (kWhite) only when asked for.
  void cut(std::string_view text, std::vector<Word>& words, bool with_white);

 private:
  // A piece and what it is cut into; one line of the cache for those that are one word.
  struct alignas(64) Entry {
    std::uint64_t hash = 0;
    char key[kLongestKept] = {};
    std::uint8_t key_length = 0, count = 0;  // count 0: free
    std::uint32_t pieces = 0;                // more than one word: in pieces_
    Word word;
  };
  void forget();

  struct Span {
    std::uint32_t first = 0, last = 0;  // words [first, last)
    std::uint32_t special = 0;
  };

  void add_piece(std::string_view text, std::uint32_t at, std::vector<Word>& words);
  void retokenize(std::string_view text, std::vector<Word>& words);

  std::vector<Entry> entries_;
  std::vector<Word> pieces_;
  std::size_t used_ = 0;
  std::vector<Word> cut_;
  std::vector<std::uint32_t> lengths_;
  std::vector<Span> spans_;
};

// A cutter out of a shared store, with what it remembers; goes back when this goes.
class BorrowedCutter {
 public:
  BorrowedCutter();
  ~BorrowedCutter();
  BorrowedCutter(const BorrowedCutter&) = delete;
  BorrowedCutter& operator=(const BorrowedCutter&) = delete;

  WordCutter* operator->() { return cutter_.get(); }

 private:
  std::unique_ptr<WordCutter> cutter_;
};

// Sentences by the words of a text, white space among them, as spaCy's sentencizer counts them.
std::size_t count_sentences(const std::vector<Word>& words);

}  // namespace lora

#endif
