// Which of many hashes came before, and where first. A table of indices that keeps its memory from one use to the next.
#ifndef LORA_TEXT_PLACES_H
#define LORA_TEXT_PLACES_H

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace lora {

class Places {
 public:
  // Forgets everything; makes room for as many different hashes. Most places stay free, so that few hashes meet.
  void clear(std::size_t items) {
    int bits = 6;
    while ((std::size_t{1} << bits) < items * 4) ++bits;
    shift_ = 64 - bits;
    mask_ = (std::size_t{1} << bits) - 1;
    if (slots_.size() <= mask_) slots_.resize(mask_ + 1);
    std::fill_n(slots_.begin(), mask_ + 1, 0u);
  }

  // Where this hash came first; `index` when it is new. `hash_of` gives the hash of an earlier index.
  template <class HashOf>
  std::uint32_t first(std::uint64_t hash, std::uint32_t index, const HashOf& hash_of) {
    for (std::size_t at = static_cast<std::size_t>(hash >> shift_);; at = (at + 1) & mask_) {
      const std::uint32_t found = slots_[at];
      if (found == 0) return slots_[at] = index + 1, index;
      if (hash_of(found - 1) == hash) return found - 1;
    }
  }

 private:
  std::vector<std::uint32_t> slots_;  // index + 1; 0: free
  std::size_t mask_ = 0;
  int shift_ = 64;
};

}  // namespace lora

#endif
