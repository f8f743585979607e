// h_i(x) = (a_i x + b_i mod 2^64) mod 2^61 - 1 over XXH64 of the shingles, with a and b drawn from a Mersenne twister: the
// same numbers as numpy's RandomState(seed).randint, so that signatures can be compared with datatrove's.
#include "text/minhash.h"

#include <algorithm>
#include <random>

#include "text/simplify.h"
#include "text/xxhash.h"

namespace lora {

namespace {

constexpr std::uint64_t kPrime = (std::uint64_t{1} << 61) - 1;

// randint(low, kPrime): draws of 61 bits, those out of range thrown away.
std::vector<std::uint64_t> draw(std::mt19937& twister, std::size_t count, std::uint64_t low) {
  const std::uint64_t range = kPrime - 1 - low;
  std::vector<std::uint64_t> out(count);
  for (std::uint64_t& value : out) {
    do {
      const std::uint64_t high = twister();
      value = ((high << 32) | twister()) & kPrime;
    } while (value > range);
    value += low;
  }
  return out;
}

inline std::uint64_t mod_prime(std::uint64_t x) {
  x = (x & kPrime) + (x >> 61);
  return x >= kPrime ? x - kPrime : x;
}

void lower_ascii(std::string_view text, std::string& out) {
  for (const char c : text) out.push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c);
}

void split_at_spaces(std::string_view text, std::vector<std::string_view>& words) {
  for (std::size_t i = 0; i < text.size();) {
    while (i < text.size() && static_cast<unsigned char>(text[i]) <= ' ') ++i;
    const std::size_t begin = i;
    while (i < text.size() && static_cast<unsigned char>(text[i]) > ' ') ++i;
    if (i > begin) words.push_back(text.substr(begin, i - begin));
  }
}

}  // namespace

MinHash::MinHash(const MinHashOptions& options) : options_(options) {
  const std::size_t count = static_cast<std::size_t>(options.bands) * static_cast<std::size_t>(options.rows);
  std::mt19937 twister(options.seed);
  a_ = draw(twister, count, 1);
  b_ = draw(twister, count, 0);
  minima_.resize(count);
}

void MinHash::shingle(std::string_view text) {
  shingles_.clear();
  plain_.clear();
  words_.clear();
  const std::size_t size = static_cast<std::size_t>(options_.size);
  if (options_.words) {
    if (options_.simplified) {
      simplify(text, plain_);
      cutter_->cut(plain_, cut_, false);
      for (const Word& word : cut_) words_.push_back(std::string_view(plain_).substr(word.begin, word.length));
    } else {
      lower_ascii(text, plain_);
      split_at_spaces(plain_, words_);
    }
    const std::size_t most = words_.size() < size && options_.whole ? words_.size() : size;
    for (std::size_t i = 0; most > 0 && i + most <= words_.size(); ++i) {
      gram_.clear();
      for (std::size_t j = 0; j < most; ++j) {
        if (j > 0) gram_.push_back(' ');
        gram_.append(words_[i + j]);
      }
      shingles_.push_back(xxh64(gram_));
    }
    return;
  }
  lower_ascii(text, plain_);
  // Where each character starts: bytes that do not continue one.
  std::vector<std::size_t> starts;
  for (std::size_t i = 0; i < plain_.size(); ++i) {
    if ((static_cast<unsigned char>(plain_[i]) & 0xC0) != 0x80) starts.push_back(i);
  }
  const std::size_t characters = starts.size();
  starts.push_back(plain_.size());
  const std::size_t most = characters < size && options_.whole ? characters : size;
  for (std::size_t i = 0; most > 0 && i + most <= characters; ++i) {
    shingles_.push_back(xxh64(std::string_view(plain_).substr(starts[i], starts[i + most] - starts[i])));
  }
}

void MinHash::sign(std::string_view text, std::uint64_t* keys, std::uint32_t* signature) {
  shingle(text);
  const std::size_t count = a_.size();
  if (shingles_.empty()) {
    std::fill(keys, keys + options_.bands, kNone);
    std::fill(signature, signature + count, 0u);
    std::fill(minima_.begin(), minima_.end(), kNone);
    return;
  }
  std::fill(minima_.begin(), minima_.end(), kPrime);
  std::uint64_t* const least = minima_.data();
  const std::uint64_t *const a = a_.data(), *const b = b_.data();
  for (const std::uint64_t x : shingles_) {
    for (std::size_t i = 0; i < count; ++i) least[i] = std::min(least[i], mod_prime(x * a[i] + b[i]));
  }
  for (std::size_t i = 0; i < count; ++i) signature[i] = static_cast<std::uint32_t>(least[i]);
  const std::size_t rows = static_cast<std::size_t>(options_.rows);
  for (int band = 0; band < options_.bands; ++band) {
    const std::uint64_t key = xxh64(least + static_cast<std::size_t>(band) * rows, rows * 8, static_cast<std::uint64_t>(band));
    keys[band] = key == kNone ? kNone - 1 : key;
  }
}

}  // namespace lora
