// The query tiles of a packed batch as kernels take them, by value: sequences, their first rows, their first tiles.
#pragma once

#include <cstdint>

namespace lora::cuda {

constexpr int kMaxSequences = 512;  // of one launch; batches with more are launched in pieces

struct SequenceTiles {
  int sequences = 0, tiles = 0;
  int row[kMaxSequences + 1] = {};    // first row of each sequence; the last entry ends the last one
  int first[kMaxSequences + 1] = {};  // tiles of the sequences before
};

// Sequences [from, ...) until the piece is full; returns the first one not taken.
inline int cut_sequences(const int32_t* begin, int sequences, int from, int tile_rows, SequenceTiles& out) {
  out.sequences = out.tiles = 0;
  out.row[0] = begin[from], out.first[0] = 0;
  int i = from;
  for (; i < sequences && out.sequences < kMaxSequences; ++i) {
    out.tiles += (begin[i + 1] - begin[i] + tile_rows - 1) / tile_rows;
    ++out.sequences;
    out.row[out.sequences] = begin[i + 1];
    out.first[out.sequences] = out.tiles;
  }
  return i;
}

#ifdef __CUDACC__
struct SequenceTile {
  int begin, length, tile;  // the sequence's first row and length; which of its tiles
};

__device__ __forceinline__ SequenceTile find_sequence_tile(const SequenceTiles& tiles, int index) {
  int low = 0, high = tiles.sequences - 1;  // the last sequence whose first tile is at most index
  while (low < high) {
    const int middle = (low + high + 1) / 2;
    if (tiles.first[middle] <= index) low = middle;
    else high = middle - 1;
  }
  return {tiles.row[low], tiles.row[low + 1] - tiles.row[low], index - tiles.first[low]};
}
#endif

}  // namespace lora::cuda
