// Rows of a bucket are compared with its representatives, in row order: the first row, and every later one that agreed with
// none of those before it. There are at most kRepresentatives of them, so that a bucket of a million rows costs no square.
// What is compared never depends on the forest, which other threads are changing.
#include "text/near.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "text/minhash.h"

namespace lora {

namespace {

constexpr std::size_t kRepresentatives = 32;

std::int32_t load(const std::int32_t* at) { return __atomic_load_n(at, __ATOMIC_RELAXED); }

std::int32_t root_of(std::int32_t* parent, std::int32_t row) {
  for (;;) {
    std::int32_t up = load(parent + row);
    if (up == row) return row;
    const std::int32_t above = load(parent + up);
    if (above != up) __atomic_compare_exchange_n(parent + row, &up, above, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
    row = above;
  }
}

// A root only ever moves below a lower row, so the root of a finished tree is its lowest row.
bool unite(std::int32_t* parent, std::int32_t a, std::int32_t b) {
  for (;;) {
    a = root_of(parent, a);
    b = root_of(parent, b);
    if (a == b) return false;
    if (a < b) std::swap(a, b);
    std::int32_t expected = a;
    if (__atomic_compare_exchange_n(parent + a, &expected, b, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) return true;
  }
}

}  // namespace

double agreement(const std::uint32_t* a, const std::uint32_t* b, std::size_t hashes) {
  std::size_t same = 0;
  for (std::size_t i = 0; i < hashes; ++i) same += a[i] == b[i];
  return hashes == 0 ? 0 : static_cast<double>(same) / static_cast<double>(hashes);
}

Joined join_band(const Signatures& all, std::size_t band, double threshold, std::int32_t* parent,
                 const std::function<bool()>& proceed) {
  struct Entry {
    std::uint64_t key;
    std::int32_t row;
  };
  std::vector<Entry> entries;
  entries.reserve(all.rows);
  for (std::size_t row = 0; row < all.rows; ++row) {
    const std::uint64_t key = all.keys[row * all.bands + band];
    if (key != MinHash::kNone) entries.push_back({key, static_cast<std::int32_t>(row)});
  }
  Joined out;
  if (!proceed()) return out;
  std::sort(entries.begin(), entries.end(), [](const Entry& x, const Entry& y) {
    return x.key != y.key ? x.key < y.key : x.row < y.row;
  });
  std::vector<std::int32_t> representatives;
  std::size_t until_asked = 1 << 16;
  for (std::size_t i = 0; i < entries.size();) {
    std::size_t end = i + 1;
    while (end < entries.size() && entries[end].key == entries[i].key) ++end;
    representatives.assign(1, entries[i].row);
    for (std::size_t j = i + 1; j < end; ++j) {
      const std::int32_t row = entries[j].row;
      bool found = false;
      for (const std::int32_t other : representatives) {
        ++out.candidates;
        const auto at = [&](std::int32_t r) { return all.signatures + static_cast<std::size_t>(r) * all.hashes; };
        if (threshold > 0 && agreement(at(row), at(other), all.hashes) < threshold) continue;
        out.joined += unite(parent, row, other);
        found = true;
        break;
      }
      if (!found && representatives.size() < kRepresentatives) representatives.push_back(row);
      if (--until_asked == 0) {
        if (!proceed()) return out;
        until_asked = 1 << 16;
      }
    }
    i = end;
  }
  return out;
}

}  // namespace lora
