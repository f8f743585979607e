// Hashes are polynomials modulo 2^64, low powers first: those of any n words are a difference of two sums, moved back by the inverse
// of a power, which an odd base has. Few texts come near a limit, so a small table without comparisons gives an upper bound first.
#include "text/grams.h"

#include <algorithm>

namespace lora {

namespace {

constexpr std::uint64_t kSpace = 0x1F3;  // more than any byte

// Bits that number a table of at least `per_item` places an item.
int table_bits(std::size_t items, std::size_t per_item) {
  int bits = 6;
  while ((std::size_t{1} << bits) < items * per_item) ++bits;
  return bits;
}

}  // namespace

void Grams::take(const std::vector<Word>& words, bool apart) {
  count_ = words.size();
  apart_ = apart;
  sums_.resize(count_ + 1);
  inverses_.resize(count_ + 1);
  ends_.resize(count_ + 1);
  std::uint64_t sum = 0, power = 1, inverse = 1;
  std::uint32_t end = 0;
  for (std::size_t i = 0; i < count_; ++i) {
    sums_[i] = sum;
    inverses_[i] = inverse;
    ends_[i] = end;
    sum += words[i].hash * power;
    power *= hash_power(words[i].length);
    inverse *= inverse_hash_power(words[i].length);
    end += words[i].characters;
    if (!apart) continue;
    sum += kSpace * power;
    power *= kHashBase;
    inverse *= kInverseBase;
    ++end;
  }
  sums_[count_] = sum;
  inverses_[count_] = inverse;
  ends_[count_] = end;
}

std::uint32_t Grams::first(std::size_t at, std::size_t n) {
  return places_.first(hash(at, n), static_cast<std::uint32_t>(at), [&](std::uint32_t other) { return hash(other, n); });
}

std::size_t Grams::most_common(std::size_t n, std::size_t enough) {
  if (n > count_) return 0;
  // Counters that several may share count at least as many.
  const int bits = table_bits(count_, 4);
  counts_.assign(std::size_t{1} << bits, 0);
  std::size_t bound = 0;
  for (std::size_t i = 0; i + n <= count_; ++i) {
    bound = std::max(bound, characters(i, n) * ++counts_[hash(i, n) >> (64 - bits)]);
  }
  if (bound <= enough) return bound;
  places_.clear(count_);
  counts_.assign(count_, 0);
  std::uint32_t most = 0, best = 0;
  for (std::size_t i = 0; i + n <= count_; ++i) {
    const std::uint32_t first = this->first(i, n);
    const std::uint32_t now = ++counts_[first];
    if (now > most || (now == most && first < best)) {
      most = now;
      best = first;
    }
  }
  return characters(best, n) * most;
}

std::size_t Grams::repeated(std::size_t n, std::size_t enough) {
  if (n > count_) return 0;
  // Two bits an item of one number of 64: what came before has both set. What is found by that covers all that was repeated.
  const int bits = table_bits(count_, 1);
  filter_.assign(std::size_t{1} << bits, 0);
  std::size_t bound = 0, covered = 0;
  for (std::size_t i = 0; i + n <= count_; ++i) {
    const std::uint64_t key = hash(i, n);
    std::uint64_t& place = filter_[key >> (64 - bits)];
    const std::uint64_t mask = (std::uint64_t{1} << ((key >> 30) & 63)) | (std::uint64_t{1} << ((key >> 36) & 63));
    if ((place & mask) == mask) {
      bound += ends_[i + n] - ends_[std::max(i, covered)];
      covered = i + n;
    }
    place |= mask;
  }
  if (bound <= enough) return bound;
  places_.clear(count_);
  std::size_t out = 0;
  for (std::size_t i = 0; i + n <= count_;) {
    if (first(i, n) == i) {
      ++i;
    } else {
      out += characters(i, n);
      i += n;
    }
  }
  return out;
}

}  // namespace lora
