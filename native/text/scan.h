// Reading eight bytes of text at a time. Little-endian, like every processor this is built for.
#ifndef LORA_TEXT_SCAN_H
#define LORA_TEXT_SCAN_H

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace lora {

inline std::uint64_t eight_bytes(const char* at) {
  std::uint64_t word;
  std::memcpy(&word, at, 8);
  return word;
}

// The first place from `at` on whose byte is below `limit` (at most 0x80) or outside ASCII; the end when there is none.
inline std::size_t next_unusual(std::string_view text, std::size_t at, unsigned char limit) {
  constexpr std::uint64_t kOnes = 0x0101010101010101ULL, kHigh = 0x8080808080808080ULL;
  for (; at + 8 <= text.size(); at += 8) {
    const std::uint64_t word = eight_bytes(text.data() + at);
    // A borrow can only mark bytes behind one that is marked rightly, and the first is what counts.
    const std::uint64_t marked = ((word - kOnes * limit) | word) & kHigh;
    if (marked != 0) return at + static_cast<std::size_t>(__builtin_ctzll(marked)) / 8;
  }
  while (at < text.size() && static_cast<unsigned char>(text[at]) >= limit && static_cast<unsigned char>(text[at]) < 0x80) ++at;
  return at;
}

// The places of white space, control and non-ASCII bytes in a text, found 64 bytes at a time: for going from word to word without a
// loop whose end the processor cannot foresee.
class UnusualBytes {
 public:
  explicit UnusualBytes(std::string_view text) : text_(text) { look(0); }

  // The first of them from `at` on, or the end. `at` never goes back.
  std::size_t next(std::size_t at) {
    while (at < text_.size()) {
      if (at >= block_ + 64) look(at / 64 * 64);
      const std::uint64_t left = bits_ >> (at - block_);
      if (left != 0) return at + static_cast<std::size_t>(__builtin_ctzll(left));
      at = block_ + 64;
    }
    return text_.size();
  }

 private:
  void look(std::size_t block) {
    constexpr std::uint64_t kOnes = 0x0101010101010101ULL, kHigh = 0x8080808080808080ULL;
    block_ = block;
    const std::size_t length = text_.size() - block < 64 ? text_.size() - block : 64;
    char last[64];
    const char* from = text_.data() + block;
    if (length < 64) {
      std::memset(last, 0, sizeof last);  // whose first zero is the end
      std::memcpy(last, from, length);
      from = last;
    }
    bits_ = 0;
    for (int i = 0; i < 8; ++i) {
      const std::uint64_t word = eight_bytes(from + 8 * i);
      const std::uint64_t usual = ((word | kHigh) - kOnes * 0x21) & ~word & kHigh;
      bits_ |= (((~usual & kHigh) >> 7) * 0x0102040810204080ULL >> 56) << (8 * i);
    }
  }

  std::string_view text_;
  std::size_t block_ = 0;
  std::uint64_t bits_ = 0;
};

// Characters of a text: bytes that continue none. Sums of up to 255 fit into a byte, which lets compilers use wide registers.
inline std::size_t count_characters(std::string_view text) {
  std::size_t count = 0, at = 0;
  const auto begins = [&](std::size_t i) { return static_cast<std::uint8_t>((static_cast<unsigned char>(text[i]) & 0xC0) != 0x80); };
  for (; at + 64 <= text.size(); at += 64) {
    std::uint8_t sum = 0;
    for (std::size_t i = 0; i < 64; ++i) sum = static_cast<std::uint8_t>(sum + begins(at + i));
    count += sum;
  }
  for (; at < text.size(); ++at) count += begins(at);
  return count;
}

}  // namespace lora

#endif
