// XXH64, the 64-bit hash of the public xxHash specification: equal texts, shingles of MinHash, cache keys. Written from the
// specification; little-endian machines only, as the rest of the engine.
#ifndef LORA_TEXT_XXHASH_H
#define LORA_TEXT_XXHASH_H

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace lora {

std::uint64_t xxh64(const void* data, std::size_t length, std::uint64_t seed);

inline std::uint64_t xxh64(std::string_view text, std::uint64_t seed = 0) {
  return xxh64(text.data(), text.size(), seed);
}

// A bijection of 64 bits that spreads every bit: for table slots of numbers.
inline std::uint64_t spread(std::uint64_t x) {
  x ^= x >> 33;
  x *= 0xff51afd7ed558ccdULL;
  x ^= x >> 33;
  x *= 0xc4ceb9fe1a85ec53ULL;
  return x ^ (x >> 33);
}

}  // namespace lora

#endif
