// Words of a text as spaCy's blank English pipeline cuts them, which is what datatrove's filters and MinHash count. Written from
// spaCy's documented algorithm: special cases, prefixes, suffixes, URLs, infixes, and special cases once more over the words.
#ifndef LORA_TEXT_WORDS_H
#define LORA_TEXT_WORDS_H

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "text/english.h"
#include "text/scan.h"

namespace lora {

enum WordFlag : std::uint8_t {
  kHasLetter = 1,       // one of its characters is alphabetic
  kAllSymbols = 2,      // all of its characters are in datatrove's PUNCTUATION_SET
  kAllPunctuation = 4,  // all of its characters are of a Unicode category P*
  kEndsSentence = 8,
  kWhite = 16           // white space that is no single space; no word
};

struct Word {
  std::uint64_t hash = 0;               // of its bytes, see kHashBase
  std::uint32_t begin = 0, length = 0;  // bytes
  std::uint32_t characters = 0;
  std::uint16_t starts = 0;             // group of special sequences that begin with it; 0: none
  std::uint8_t flags = 0;
  std::uint8_t stop = 0;                // which stop word it is, from 1; 0: none
};

// A word's hash is the sum of its bytes plus one times the powers of an odd base, the first byte's power being 0.
constexpr std::uint64_t kHashBase = 0x9E3779B97F4A7C15ULL;

// What the base has to be multiplied by to become 1 modulo 2^64: each step doubles the bits that are right.
constexpr std::uint64_t inverse_of(std::uint64_t odd) {
  std::uint64_t out = odd;
  for (int i = 0; i < 6; ++i) out *= 2 - odd * out;
  return out;
}
constexpr std::uint64_t kInverseBase = inverse_of(kHashBase);

struct Powers {
  std::uint64_t of[64] = {1};
  constexpr explicit Powers(std::uint64_t base) {
    for (int i = 1; i < 64; ++i) of[i] = of[i - 1] * base;
  }
  std::uint64_t operator()(std::uint32_t exponent) const {
    std::uint64_t power = 1;
    for (; exponent > 63; exponent -= 63) power *= of[63];
    return power * of[exponent];
  }
};
constexpr Powers hash_power{kHashBase}, inverse_hash_power{kInverseBase};

// Remembers pieces it has cut: one for each thread.
class WordCutter {
 public:
  WordCutter();

  // Fills `words`; white space (kWhite) only when asked for.
  void cut(std::string_view text, std::vector<Word>& words, bool with_white);

 private:
  static constexpr std::size_t kLongestKept = 16, kMostKept = 3;  // bytes and words of a piece that is remembered

  // A piece and what it is cut into: one line of the processor's cache.
  struct alignas(64) Entry {
    std::uint64_t key[2] = {0, 0};  // its bytes, then zeros
    struct {
      std::uint64_t hash = 0;
      std::uint16_t starts = 0;
      std::uint8_t length = 0, characters = 0, flags = 0, stop = 0;
      std::uint8_t words = 0, any_starts = 0;  // of the whole piece; told by its first word
    } words[kMostKept];
  };

  struct Span {
    std::uint32_t first = 0, last = 0;  // words [first, last)
    std::uint32_t special = 0;
  };

  // A run of white space or a piece, with its key and place in the cache when it can be remembered.
  struct Run {
    std::uint64_t key[2];
    std::uint32_t begin, length;
    std::int32_t place;  // kWhiteRun, kNotKept, or of an entry
  };
  static constexpr std::int32_t kWhiteRun = -2, kNotKept = -1;
  static constexpr std::size_t kRunsAtOnce = 64;

  std::size_t find_runs(std::string_view text, UnusualBytes& unusual, std::size_t at);
  void add_piece(std::string_view text, const Run& run, std::vector<Word>& words);
  void add_new_piece(std::string_view text, const Run& run, std::vector<Word>& words);
  void retokenize(std::string_view text, std::vector<Word>& words);

  std::vector<Entry> entries_;
  Run runs_[kRunsAtOnce];
  std::size_t run_count_ = 0;
  std::size_t count_ = 0;  // words of the text so far; the vector they are in is longer
  CutSpace space_;
  std::vector<std::uint32_t> lengths_;
  std::vector<std::uint32_t> starts_;  // words with a group of special sequences
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
