// Words side by side, compared by hashes: which n of them come most often, and which come again.
#ifndef LORA_TEXT_GRAMS_H
#define LORA_TEXT_GRAMS_H

#include <cstddef>
#include <cstdint>
#include <vector>

#include "text/places.h"
#include "text/words.h"

namespace lora {

class Grams {
 public:
  // Takes the words. `apart`: words count with the space behind them; otherwise "ab" "c" is the same as "a" "bc".
  void take(const std::vector<Word>& words, bool apart);

  // Characters of the n words (and spaces between) that come most often, all times together; of several the earliest. When that is
  // at most `enough`, any number up to `enough` may come instead, which is found much sooner.
  std::size_t most_common(std::size_t n, std::size_t enough);

  // Characters in n words that came before. Going through the words, what was found is passed over whole. `enough` as above.
  std::size_t repeated(std::size_t n, std::size_t enough);

 private:
  // Of the n words from this one on.
  std::uint64_t hash(std::size_t first, std::size_t n) const { return (sums_[first + n] - sums_[first]) * inverses_[first]; }
  std::size_t characters(std::size_t first, std::size_t n) const { return ends_[first + n] - ends_[first] - (apart_ ? 1 : 0); }
  std::uint32_t first(std::size_t at, std::size_t n);

  std::size_t count_ = 0;
  bool apart_ = false;
  // At each word and behind the last: the sum of hashes times powers of the base up to here, the inverse of the power, characters.
  std::vector<std::uint64_t> sums_, inverses_;
  std::vector<std::uint32_t> ends_;
  std::vector<std::uint64_t> filter_;
  std::vector<std::uint32_t> counts_;
  Places places_;
};

}  // namespace lora

#endif
