// The row tiles of a batch, cut at segment borders, as kernels take them: by value, so that nothing is uploaded and no
// launch waits. Host code, pure.
#pragma once

#include <algorithm>
#include <cstdint>

#include "abi/types.h"

namespace lora::cuda {

constexpr int kMaxSegments = 64;  // of one launch; batches with more are launched in pieces

struct RowTiles {
  int segments = 0;
  int tiles = 0;                       // of all segments
  int row[kMaxSegments + 1] = {};      // first row of each segment; the last entry ends the last one
  int first[kMaxSegments + 1] = {};    // first tile of each segment
  int slot[kMaxSegments] = {};
};

// Segments [from, ...) of the route, empty ones left out, until the piece is full. Returns the first segment not taken.
inline int cut_rows(const lora_route& route, int from, int tile_rows, RowTiles& out) {
  out = RowTiles{};
  int i = from;
  for (; i < route.segments && out.segments < kMaxSegments; ++i) {
    const int begin = route.begin[i], end = route.begin[i + 1];
    if (end == begin) continue;
    out.row[out.segments] = begin;
    out.first[out.segments] = out.tiles;
    out.slot[out.segments] = route.slot[i];
    out.tiles += (end - begin + tile_rows - 1) / tile_rows;
    ++out.segments;
    out.row[out.segments] = end;
    out.first[out.segments] = out.tiles;
  }
  return i;
}

#ifdef __CUDACC__
struct RowTile {
  int row, rows, slot;  // first row, rows inside the segment, owner
};

// Tile number `index` of the piece.
__device__ __forceinline__ RowTile find_tile(const RowTiles& tiles, int index, int tile_rows) {
  int s = 0;
  while (s + 1 < tiles.segments && tiles.first[s + 1] <= index) ++s;
  const int row = tiles.row[s] + (index - tiles.first[s]) * tile_rows;
  const int left = tiles.row[s + 1] - row;
  return {row, left < tile_rows ? left : tile_rows, tiles.slot[s]};
}
#endif

}  // namespace lora::cuda
