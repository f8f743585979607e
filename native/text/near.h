// Near duplicates from signatures: rows that share a band's key and whose signatures agree enough are joined.
#ifndef LORA_TEXT_NEAR_H
#define LORA_TEXT_NEAR_H

#include <cstddef>
#include <cstdint>
#include <functional>

namespace lora {

struct Signatures {
  const std::uint64_t* keys = nullptr;        // [rows, bands]
  const std::uint32_t* signatures = nullptr;  // [rows, hashes]
  std::size_t rows = 0, bands = 0, hashes = 0;
};

// The part of two signatures that agrees: an estimate of the Jaccard similarity of their shingles.
double agreement(const std::uint32_t* a, const std::uint32_t* b, std::size_t hashes);

struct Joined {
  std::uint64_t candidates = 0, joined = 0;
};

// Joins rows in `parent` (a forest; a tree's root is its lowest row) through one band. Several threads may work on several
// bands over the same forest: the trees that come out do not depend on who was first. `threshold` 0 joins every candidate.
// `proceed` is asked now and then; work ends early when it says no.
Joined join_band(const Signatures& all, std::size_t band, double threshold, std::int32_t* parent,
                 const std::function<bool()>& proceed);

}  // namespace lora

#endif
