// MinHash signatures of texts, and the keys of their bands for locality-sensitive hashing.
#ifndef LORA_TEXT_MINHASH_H
#define LORA_TEXT_MINHASH_H

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "text/words.h"

namespace lora {

struct MinHashOptions {
  bool words = true;       // shingles of words of the simplified text; otherwise of characters of the lower-cased text
  bool simplified = true;  // words only: plain words of the simplified text; otherwise white space and lower case only
  bool whole = true;       // a text shorter than one shingle is one shingle; otherwise it has no signature
  int size = 5;            // words or characters in a shingle
  int bands = 14, rows = 8;
  std::uint32_t seed = 1;
};

class MinHash {
 public:
  // The key of every band of a text without a signature.
  static constexpr std::uint64_t kNone = ~std::uint64_t{0};

  explicit MinHash(const MinHashOptions& options);

  int hashes() const { return static_cast<int>(a_.size()); }
  const MinHashOptions& options() const { return options_; }

  // Writes one key a band and the low 32 bits of every minimum; all kNone and 0 when the text has no signature.
  void sign(std::string_view text, std::uint64_t* keys, std::uint32_t* signature);
  // The minima of the last sign, in full: what datatrove writes.
  const std::vector<std::uint64_t>& minima() const { return minima_; }

 private:
  void shingle(std::string_view text);

  MinHashOptions options_;
  std::vector<std::uint64_t> a_, b_;
  // Of the last text; kept so that memory is not asked for again.
  std::vector<std::uint64_t> shingles_, minima_;
  std::string plain_, gram_;
  std::vector<std::string_view> words_;
  BorrowedCutter cutter_;
  std::vector<Word> cut_;
};

}  // namespace lora

#endif
